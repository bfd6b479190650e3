"""Damages a TFLite file in one place, found by following the file's tables.

    python3 damage.py MODEL.tflite WHAT OUT.tflite
"""
import struct
import sys


class File:
    def __init__(self, data):
        self.data = bytearray(data)

    def get(self, at, kind="<I"):
        return struct.unpack_from(kind, self.data, at)[0]

    def field(self, table, i):
        """Where the field lies."""
        fields = table - self.get(table, "<i")
        return table + self.get(fields + 4 + 2 * i, "<H")

    def follow(self, at):
        return at + self.get(at)

    def item(self, table, i, k=0):
        """Element k of the vector of tables in field i."""
        return self.follow(self.follow(self.field(table, i)) + 4 + 4 * k)


def damage(f, what):
    model = f.follow(0)
    code, part = f.item(model, 1), f.item(model, 2)
    op = f.item(part, 3)
    if what == "half":
        del f.data[len(f.data) // 2:]
    elif what == "offset":
        struct.pack_into("<I", f.data, f.field(model, 2), 0x7FFFFFFF)
    elif what == "version":
        struct.pack_into("<I", f.data, f.field(model, 0), 2)
    elif what in ("hashes", "custom", "sum"):
        number = {"hashes": 15, "custom": 32, "sum": 106}[what]
        struct.pack_into("<b", f.data, f.field(code, 0), number)
        struct.pack_into("<i", f.data, f.field(code, 3), number)
    elif what == "code":
        fields = op - f.get(op, "<i")
        if f.get(fields + 4, "<H") == 0:  # left out, being 0: point it at some number
            struct.pack_into("<H", f.data, fields + 4, f.field(op, 1) - op)
        struct.pack_into("<I", f.data, f.field(op, 0), 9)
    elif what == "scale":  # tensor 1 has none
        tensor = f.item(part, 0, 1)
        fields = tensor - f.get(tensor, "<i")
        struct.pack_into("<H", f.data, fields + 4 + 2 * 4, 0)
    elif what == "float":  # operand 0, of a quantised operator
        tensor = f.item(part, 0, f.get(f.follow(f.field(op, 1)) + 4, "<i"))
        struct.pack_into("<b", f.data, f.field(tensor, 1), 0)
    elif what == "zero":  # of tensor 0
        struct.pack_into("<q", f.data, f.follow(f.field(f.follow(f.field(f.item(part, 0, 0), 4)), 3)) + 4, 300)
    elif what == "far":  # the result's scale, of the last tensor, is another
        count = f.get(f.follow(f.field(part, 0)))
        struct.pack_into("<f", f.data, f.follow(f.field(f.follow(f.field(f.item(part, 0, count - 1), 4)), 2)) + 4, 1e-30)
    elif what in ("dim", "type"):  # of the result, the last tensor: its first dim, its type
        tensor = f.item(part, 0, f.get(f.follow(f.field(part, 0))) - 1)
        if what == "dim":
            struct.pack_into("<i", f.data, f.follow(f.field(tensor, 0)) + 4, 9)
        else:
            struct.pack_into("<b", f.data, f.field(tensor, 1), 4)
    elif what == "long":  # operand 0 of two dims, along the last
        tensor = f.item(part, 0, f.get(f.follow(f.field(op, 1)) + 4, "<i"))
        struct.pack_into("<i", f.data, f.follow(f.field(tensor, 0)) + 8, 257)
    elif what == "radius":
        struct.pack_into("<i", f.data, f.field(f.follow(f.field(op, 4)), 0), 0x44000002)
    elif what == "paddings":  # input 1's first element
        struct.pack_into("<i", f.data, f.follow(f.field(f.item(model, 4, f.get(f.field(f.item(part, 0, 1), 2))), 0)) + 4, -1)
    elif what == "part":  # the first subgraph that operator 0 names
        struct.pack_into("<i", f.data, f.field(f.follow(f.field(op, 4)), 0), 77)
    elif what == "tensor":
        struct.pack_into("<i", f.data, f.follow(f.field(op, 1)) + 4, 77)
    else:
        sys.exit(__doc__)


def main():
    f = File(open(sys.argv[1], "rb").read())
    damage(f, sys.argv[2])
    with open(sys.argv[3], "wb") as out:
        out.write(f.data)


main()
