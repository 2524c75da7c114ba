#!/usr/bin/env python3
"""Makes the Ogg files beside it, with oggenc 1.4.2 and opusenc 0.2: tests/data/sounds/ogg.py

The samples are those of flac.py. ogg.json has how many there are when oggdec decodes them, and every 97th of them, the mean of
the channels.
"""

import json
import pathlib
import struct
import subprocess

from flac import wav

HERE = pathlib.Path(__file__).parent
MADE = {"mono.ogg": (wav(14000, 1, 16000, 16), 1), "stereo.ogg": (wav(5000, 2, 44100, 16), 2)}


def decoded(name, channels):
    data = subprocess.run(["oggdec", "--quiet", "--raw", "--output=-", HERE / name], stdout=subprocess.PIPE, check=True).stdout
    values = [value / 32768 for (value,) in struct.iter_unpack("<h", data)]
    return [sum(values[at : at + channels]) / channels for at in range(0, len(values), channels)]


said = {}
for name, (source, channels) in MADE.items():
    command = ["oggenc", "--quiet", "--quality=2", "--serial=7", f"--output={HERE / name}", "-"]
    subprocess.run(command, input=source, check=True)
    samples = decoded(name, channels)
    said[name] = {"count": len(samples), "samples": [round(value, 5) for value in samples[::97]]}
    assert (HERE / name).stat().st_size < 20_000
(HERE / "ogg.json").write_text(json.dumps(said) + "\n")
subprocess.run(["opusenc", "--quiet", "--bitrate=12", "-", HERE / "mono.opus"], input=wav(4000, 1, 16000, 16), check=True)
