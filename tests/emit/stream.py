"""Streams gtcrn/mix.wav through a package of GTCRN, frame by frame, against the authors' own result of that, enh_stream.wav.

    stream.py libm.so M_WORK_SIZE M_STATE_SIZE MODELS/gtcrn

The package is gtcrn_simple.onnx as module m with its three caches as --state. Frames of 512 samples every 256, square root
of a Hann window, mirrored ends. ONNX Runtime with the caches handed on comes within 6.4e-4 and 58.7 dB.
"""
import ctypes
import sys
import wave

import numpy

FRAME, HOP, BINS = 512, 256, 257


def read_wav(path):
    with wave.open(path) as w:
        return numpy.frombuffer(w.readframes(w.getnframes()), numpy.int16) / 32768.0


def aligned(size):
    room = numpy.zeros(size + 64, numpy.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]


class Io(ctypes.Structure):
    """m_io: the caches in and out stay NULL."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("mix", "in1", "in2", "in3", "enh", "out1", "out2", "out3")]


def address(array):
    return ctypes.c_void_p(array.ctypes.data)


def main():
    library, work, state, folder = ctypes.CDLL(sys.argv[1]), aligned(int(sys.argv[2])), aligned(int(sys.argv[3])), sys.argv[4]
    sound, wanted = read_wav(folder + "/mix.wav"), read_wav(folder + "/enh_stream.wav")
    window = numpy.sqrt(numpy.hanning(FRAME + 1)[:FRAME])
    sound = numpy.pad(sound, HOP, mode="reflect")
    found, weight = numpy.zeros(len(sound)), numpy.zeros(len(sound))
    mix, enh = numpy.zeros((BINS, 2), numpy.float32), numpy.zeros((BINS, 2), numpy.float32)
    library.m_state_init(address(state))
    for start in range(0, len(sound) - FRAME + 1, HOP):
        frame = slice(start, start + FRAME)
        spectrum = numpy.fft.rfft(sound[frame] * window)
        mix[:, 0], mix[:, 1] = spectrum.real, spectrum.imag
        io = Io(mix=mix.ctypes.data, enh=enh.ctypes.data)
        error = library.m_run_stateful(ctypes.byref(io), address(work), ctypes.c_size_t(len(work)), address(state))
        if error != 0:
            sys.exit(f"m_run_stateful returned {error}")
        found[frame] += numpy.fft.irfft(enh[:, 0] + 1j * enh[:, 1], FRAME) * window
        weight[frame] += window**2
    n = min(len(wanted), len(found) - 2 * HOP)
    found = (found / numpy.maximum(weight, 1e-8))[HOP : HOP + n]
    error = numpy.abs(found - wanted[:n]).max()
    print(f"largest difference {error:.2g} of {numpy.abs(wanted).max():.2g}")
    sys.exit(int(error > 1e-3))


main()
