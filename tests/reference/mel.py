"""The mel spectrogram of a signal by librosa 0.11.0, for tests/it/sound.rs.

    python tests/reference/mel.py > tests/reference/mel.json

The signal is of whole numbers and sines, so that it can be made again: two tones, one of which rises, and noise by a linear
congruential generator. Every tenth column is written; the tests allow 1e-3 of the value, or of a millionth of the largest.
"""

import json

import librosa
import numpy as np

RATE, COUNT = 16000, 16000


def signal():
    state, noise = 12345, np.empty(COUNT)
    for at in range(COUNT):
        state = (1664525 * state + 1013904223) % 2**32
        noise[at] = state / 2**31 - 1
    time = np.arange(COUNT) / RATE
    rising = np.sin(2 * np.pi * (1000 + 1500 * time) * time)
    return 0.5 * np.sin(2 * np.pi * 440 * time) + 0.25 * rising + 0.01 * noise


power = librosa.feature.melspectrogram(
    y=signal(), sr=RATE, n_fft=1024, hop_length=160, n_mels=128, fmin=0, fmax=8000,
    window="hann", center=True, pad_mode="constant", power=2.0, htk=False, norm="slaney",
)
print(json.dumps({
    "tool": f"librosa {librosa.__version__}, numpy {np.__version__}",
    "bands": power.shape[0],
    "columns": power.shape[1],
    "every": 10,
    "power": [[float(f"{value:.7g}") for value in band[::10]] for band in power],
}))
