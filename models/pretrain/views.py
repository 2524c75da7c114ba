"""Training views, made where the network trains, new ones for every step.

Half of a batch are crops of one photograph, an eighth mosaics of four (which keep the photographs' own sharpness), the
rest crops of textures, turned. A part of them is mixed with another view, and all are disturbed in colour, light,
sharpness and noise. Teacher and student see the same pixels: whatever a view has become, the teacher says what it is.
"""

import math
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from pool import LARGEST


class Views:
    """Makes batches of views of what pool.py wrote; batch i depends on the seed and i alone."""

    def __init__(self, folder, device, batch, size, mixed, seed):
        labels = np.fromfile(Path(folder) / "label.i16", np.int16)
        photos = np.fromfile(Path(folder) / "photos.u8", np.uint8)
        side = math.isqrt(photos.size // len(labels) // 3)
        sides = np.fromfile(Path(folder) / "side.i16", np.int16)
        textures = np.memmap(Path(folder) / "textures.u8", np.uint8, "r").reshape(-1, LARGEST, LARGEST, 3)
        drawn = np.flatnonzero(sides)
        self.photos = torch.from_numpy(photos.reshape(-1, side, side, 3)).to(device)
        self.labels = torch.from_numpy(labels.astype(np.int64)).to(device)
        self.textures = torch.empty((len(drawn), *textures.shape[1:]), dtype=torch.uint8, device=device)
        for rows in np.array_split(np.arange(len(drawn)), max(1, len(drawn) // 1000)):
            self.textures[rows[0] : rows[-1] + 1] = torch.from_numpy(textures[drawn[rows]]).to(device)
        self.sides = torch.from_numpy(sides[drawn].astype(np.float32)).to(device)
        self.batch, self.size, self.mixed, self.seed = batch, size, mixed, seed
        self.generator = torch.Generator(device)

    def random(self, *shape):
        return torch.rand(shape, generator=self.generator, device=self.photos.device)

    def rows(self, array, count):
        return (self.random(count) * len(array)).long().clamp(max=len(array) - 1)

    def some(self, share, low, high, neutral, shape):
        """A value between `low` and `high` for this share of the views, `neutral` for the others."""
        return torch.where(self.random(shape[0], 1, 1, 1) < share, low + (high - low) * self.random(*shape), neutral)

    def crops(self, pictures, sides, size, least, turn):
        """A random rectangle of each picture (u8 `[n, s, s, 3]`, of which `sides` pixels are used), of at least `least`
        of its area, aspect ratio 3:4 to 4:3, mirrored left to right, with `turn` also upside down and at the diagonal:
        floats 0 to 1, `[n, 3, size, size]`."""
        n = len(pictures)
        area, ratio = least + (1 - least) * self.random(n, 1), torch.exp(0.56 * self.random(n, 1) - 0.28)
        steps = (torch.arange(size, device=pictures.device) + 0.5) / size
        axes = []
        for extent in (area * ratio, area / ratio):
            extent = extent.sqrt().clamp(max=1)
            begin = self.random(n, 1) * (1 - extent)
            along = steps.expand(n, size)
            if turn or not axes:
                along = torch.where(self.random(n, 1) < 0.5, 1 - steps, steps)
            pixel = (begin + extent * along) * sides[:, None]
            axes.append(pixel.clamp(min=0.5).minimum(sides[:, None] - 0.5) * 2 / pictures.shape[1] - 1)
        grid = torch.stack([axes[0][:, None, :].expand(n, size, size), axes[1][:, :, None].expand(n, size, size)], -1)
        if turn:
            grid = torch.where(self.random(n, 1, 1, 1) < 0.5, grid.flip(-1), grid)
        return functional.grid_sample(pictures.permute(0, 3, 1, 2).float() / 255, grid, align_corners=False)

    def disturbed(self, x):
        """Colour, light, sharpness and noise."""
        n = len(x)
        one, three = (n, 1, 1, 1), (n, 3, 1, 1)
        x = x + (x.mean(1, keepdim=True) - x) * self.some(0.25, 0.5, 1, 0, one)
        x = x * torch.exp(self.some(0.3, -0.25, 0.25, 0, three))
        x = (x - 0.5) * self.some(0.5, 0.4, 1.4, 1, one) + 0.5 + self.some(0.5, -0.2, 0.2, 0, one)
        x = x.clamp(1e-4, 1) ** torch.exp(self.some(0.4, -0.5, 0.5, 0, one))
        soft = x
        for _ in range(2):
            soft = functional.avg_pool2d(soft, 3, 1, 1, count_include_pad=False)
        x = x + (soft - x) * self.some(0.35, -0.5, 1, 0, one)
        noise = torch.randn(x.shape, generator=self.generator, device=x.device)
        noise = torch.where(self.random(*one) < 0.5, noise[:, :1], noise)
        return (x + noise * self.some(0.4, 0.004, 0.05, 0, one)).clamp(0, 1)

    @torch.no_grad()
    def __call__(self, index):
        """Batch `index`: `[batch, 3, size, size]`, -1 to 1, and the photographs' classes, -1 where a view has none."""
        self.generator.manual_seed(self.seed * 1_000_003 + index)
        photos, mosaics = self.batch // 2, self.batch // 8
        textures = self.batch - photos - mosaics

        def photographs(count, size, least):
            rows = self.rows(self.photos, count)
            sides = torch.full((count,), float(self.photos.shape[1]), device=rows.device)
            return self.crops(self.photos[rows], sides, size, least, False), self.labels[rows]

        whole, labels = photographs(photos, self.size, 0.35)
        tiles, _ = photographs(mosaics * 4, self.size // 2, 0.6)
        tiles = tiles.view(mosaics, 2, 2, *tiles.shape[1:]).permute(0, 3, 1, 4, 2, 5).reshape(mosaics, *whole.shape[1:])
        rows = self.rows(self.textures, textures)
        drawn = self.crops(self.textures[rows], self.sides[rows], self.size, 0.35, True)
        views = torch.cat([whole, tiles, drawn])
        labels = torch.cat([labels, labels.new_full((mosaics + textures,), -1)])
        share = self.some(self.mixed, 0, 1, 0, (self.batch, 1, 1, 1))
        other = torch.randperm(self.batch, generator=self.generator, device=views.device)
        views = self.disturbed(views + (views[other] - views) * share)
        return views * 2 - 1, torch.where(share.flatten() > 0, -1, labels)
