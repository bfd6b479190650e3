"""Small networks of every kind that transformers has, with random weights, as PyTorch's exporters write them; see compare.py.
NAME.d by torch.export, NAME.t by tracing; dyn_: with open batch and length.

    python3 tests/exporters/transformers_models.py FOLDER [PART-OF-A-NAME...]        needs torch, onnxscript, transformers
"""
import os
import sys
import warnings

import onnx
import torch
import transformers

from compare import save

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
WORDS = {**SMALL, "vocab_size": 99}
IMAGE = {**SMALL, "image_size": 64, "patch_size": 16}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 99, "use_cache": False}
WAVE = {**SMALL, "conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
CODER = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64,
         "decoder_ffn_dim": 64}

# Model class, configuration class, its arguments.
ENCODERS = [
    ("BertModel", "BertConfig", WORDS), ("RobertaModel", "RobertaConfig", WORDS), ("MPNetModel", "MPNetConfig", WORDS),
    ("ElectraModel", "ElectraConfig", {**WORDS, "embedding_size": 16}), ("AlbertModel", "AlbertConfig", {**WORDS, "embedding_size": 16}),
    ("DebertaV2Model", "DebertaV2Config", WORDS), ("T5EncoderModel", "T5Config", T5),
    ("DistilBertModel", "DistilBertConfig", {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "vocab_size": 99}),
]
DECODERS = [
    ("GPT2LMHeadModel", "GPT2Config", {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 99}),
    ("LlamaForCausalLM", "LlamaConfig", {**WORDS, "num_key_value_heads": 2}), ("Qwen2ForCausalLM", "Qwen2Config", {**WORDS, "num_key_value_heads": 2}),
    ("MistralForCausalLM", "MistralConfig", {**WORDS, "num_key_value_heads": 2}), ("PhiForCausalLM", "PhiConfig", WORDS),
    ("GemmaForCausalLM", "GemmaConfig", {**WORDS, "num_key_value_heads": 2, "head_dim": 8}), ("GPTNeoXForCausalLM", "GPTNeoXConfig", WORDS),
    ("OPTForCausalLM", "OPTConfig", {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 64, "vocab_size": 99,
                                     "word_embed_proj_dim": 32}),
    ("FalconForCausalLM", "FalconConfig", WORDS), ("BloomForCausalLM", "BloomConfig", WORDS),
]
IMAGES = [
    ("ViTModel", "ViTConfig", IMAGE), ("DeiTModel", "DeiTConfig", IMAGE), ("Dinov2Model", "Dinov2Config", IMAGE),
    ("SegformerForSemanticSegmentation", "SegformerConfig", {"hidden_sizes": [8, 16, 24, 32], "num_attention_heads": [1, 2, 2, 4], "depths": [1, 1, 1, 1],
                                                            "decoder_hidden_size": 16}),
    ("YolosForObjectDetection", "YolosConfig", {**SMALL, "image_size": [64, 64], "num_detection_tokens": 10}),
    ("MobileViTModel", "MobileViTConfig", {"hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 8, 16, 16, 16, 24, 32], "num_attention_heads": 4,
                                           "image_size": 64}),
    ("ConvNextV2Model", "ConvNextV2Config", {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}),
    ("RegNetModel", "RegNetConfig", {**STAGES, "groups_width": 8}),
    ("DPTForDepthEstimation", "DPTConfig", {**IMAGE, "num_hidden_layers": 4, "backbone_out_indices": [0, 1, 2, 3], "neck_hidden_sizes": [8, 8, 16, 16],
                                            "fusion_hidden_size": 16}),
]
SOUNDS = [("Wav2Vec2Model", "Wav2Vec2Config", WAVE), ("HubertModel", "HubertConfig", WAVE)]


class ByPlace(torch.nn.Module):
    """Takes inputs by place, gives the tensors among the results."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs):
        results = self.model(**dict(zip(self.names, inputs)), return_dict=True)
        return tuple(r for r in results.values() if torch.is_tensor(r))


def build(model, config, arguments):
    made = getattr(transformers, config)(**arguments)
    made.use_cache = False
    return getattr(transformers, model)(made)


def words(batch=1, length=7):
    return torch.randint(0, 99, (batch, length))


def cases():
    """Name, how to make it, inputs, whether these have open dims too."""
    text = {"input_ids": words(), "attention_mask": torch.ones(1, 7, dtype=torch.long)}
    for row in ENCODERS + DECODERS:
        yield row[0], lambda row=row: build(*row), text, True
    for row in IMAGES:
        yield row[0], lambda row=row: build(*row), {"pixel_values": torch.randn(1, 3, 64, 64)}, False
    for row in SOUNDS:
        yield row[0], lambda row=row: build(*row), {"input_values": torch.randn(1, 3200)}, False
    yield ("T5", lambda: build("T5ForConditionalGeneration", "T5Config", T5), {**text, "decoder_input_ids": words(1, 4)}, False)
    whisper = {**CODER, "vocab_size": 99, "max_source_positions": 50, "max_target_positions": 20, "num_mel_bins": 16, "pad_token_id": 0, "bos_token_id": 1,
               "eos_token_id": 2, "decoder_start_token_id": 1}
    yield ("Whisper", lambda: build("WhisperForConditionalGeneration", "WhisperConfig", whisper),
           {"input_features": torch.randn(1, 16, 100), "decoder_input_ids": words(1, 4)}, False)
    detr = {**CODER, "use_timm_backbone": False, "use_pretrained_backbone": False, "backbone": None, "num_queries": 10,
            "backbone_config": transformers.ResNetConfig(**STAGES, out_features=["stage4"])}
    yield "Detr", lambda: build("DetrForObjectDetection", "DetrConfig", detr), {"pixel_values": torch.randn(1, 3, 64, 64)}, False
    mamba = {"hidden_size": 16, "num_hidden_layers": 1, "vocab_size": 99, "state_size": 4}
    yield "Mamba", lambda: build("MambaModel", "MambaConfig", mamba), {"input_ids": words()}, False


def export(folder, name, make, inputs, is_open, by_export):
    torch.manual_seed(0)
    options = {"input_names": list(inputs)}
    if is_open and by_export:
        options["dynamic_shapes"] = (tuple({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC} for _ in inputs),)
    elif is_open:
        options["dynamic_axes"] = {x: {0: "b", 1: "t"} for x in inputs}
    path = os.path.join(folder, "model.onnx")
    with torch.no_grad():
        torch.onnx.export(ByPlace(make().eval(), list(inputs)), tuple(inputs.values()), path, dynamo=by_export, external_data=False, **options)
    model = onnx.load(path)
    arrays = [inputs[v.name].numpy() for v in model.graph.input]  # an exporter leaves out what the network does not use
    save(folder, f"{'dyn_' if is_open else ''}{name}.{'d' if by_export else 't'}", model, arrays)
    os.remove(path)


def main(folder, *parts):
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    os.makedirs(folder, exist_ok=True)
    for name, make, inputs, has_open in cases():
        for is_open in (False, True) if has_open else (False,):
            for by_export in (True, False) if not parts or any(p in name for p in parts) else ():
                try:
                    export(folder, name, make, inputs, is_open, by_export)
                except Exception as e:  # whatever the exporter does not take
                    print(f"not exported: {name} {'torch.export' if by_export else 'tracing'}: {str(e).splitlines()[:1]}", flush=True)


main(sys.argv[1], *sys.argv[2:])
