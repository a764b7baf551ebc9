"""gsplat's renderer without CUDA, so that the real nerfstudio can be tested on a machine without a GPU.

Python imports a module of this name automatically when its folder is on PYTHONPATH. Everything but the kernels is
then the real program: its arguments, its output, its checkpoints and its bugs. Projection and harmonics are
gsplat's own reference functions; only the blending is ours. Good for small pictures and few gaussians, and
nothing about speed can be learnt from it.
"""

import importlib.abc
import importlib.util
import sys

TILE = 16
MIN_ALPHA = 1 / 255
MAX_ALPHA = 0.99


def rasterization(
    means, quats, scales, opacities, colors, viewmats, Ks, width, height, render_mode="RGB", sh_degree=None, **_
):
    """Has the signature of gsplat's function of this name, for one camera."""
    import torch
    from gsplat.cuda._torch_impl import (
        _fully_fused_projection,
        _quat_scale_to_covar_preci,
        _spherical_harmonics,
    )

    covars, _ = _quat_scale_to_covar_preci(quats, scales, compute_preci=False)
    radii, means2d, depths, conics, _ = _fully_fused_projection(means, covars, viewmats, Ks, width, height)
    if means2d.requires_grad:
        # gsplat sums the gradients' sizes over pixels; the size of their sum is as good a reason to densify.
        means2d.register_hook(lambda gradient: setattr(means2d, "absgrad", gradient.abs()))
    if sh_degree is not None:
        camera = torch.inverse(viewmats)[0, :3, 3]
        colors = (_spherical_harmonics(sh_degree, means - camera, colors) + 0.5).clamp(min=0)
    channels = torch.cat([colors, depths[0, :, None]], dim=-1)
    image, alpha = blend(means2d[0], conics[0], opacities, channels, depths[0], radii[0], width, height)
    if render_mode == "RGB+ED":
        image = torch.cat([image[..., :3], image[..., 3:] / alpha.clamp(min=1e-10)], dim=-1)
    else:
        image = image[..., :3]
    info = {
        "means2d": means2d,
        "radii": radii,
        "width": width,
        "height": height,
        "n_cameras": 1,
        "gaussian_ids": None,
    }
    return image[None], alpha[None], info


def blend(means2d, conics, opacities, channels, depths, radii, width, height):
    """Blends front to back, tile by tile (Kerbl et al. 2023). Returns H x W x C and H x W x 1."""
    import torch

    visible = (radii > 0).nonzero()[:, 0]
    order = visible[depths[visible].argsort()]
    rows = []
    for top in range(0, height, TILE):
        tiles = []
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            centres, reach = means2d[order].detach(), radii[order]
            touches = (centres[:, 0] + reach > left) & (centres[:, 0] - reach < right)
            touches &= (centres[:, 1] + reach > top) & (centres[:, 1] - reach < bottom)
            near = order[touches]
            y, x = torch.meshgrid(torch.arange(top, bottom), torch.arange(left, right), indexing="ij")
            dx = x[..., None] + 0.5 - means2d[near, 0]
            dy = y[..., None] + 0.5 - means2d[near, 1]
            a, b, c = conics[near].unbind(-1)
            alphas = opacities[near] * torch.exp(-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy)
            alphas = torch.where(alphas < MIN_ALPHA, 0, alphas.clamp(max=MAX_ALPHA))
            through = torch.cumprod(1 - alphas, dim=-1)
            before = torch.cat([torch.ones_like(through[..., :1]), through[..., :-1]], dim=-1)
            weights = alphas * before[..., : len(near)]
            tiles.append(torch.cat([weights @ channels[near], weights.sum(-1, keepdim=True)], dim=-1))
        rows.append(torch.cat(tiles, dim=1))
    image = torch.cat(rows, dim=0)
    return image[..., :-1], image[..., -1:]


def without_cuda(splatfacto):
    import torch

    torch.Tensor.cuda = lambda self, *args, **kwargs: self
    splatfacto.rasterization = rasterization


def on_cpu(trainer):
    start = trainer.Trainer.__init__

    def start_on_cpu(self, config, *args, **kwargs):
        config.machine.device_type = "cpu"
        start(self, config, *args, **kwargs)

    trainer.Trainer.__init__ = start_on_cpu


class AfterImport(importlib.abc.MetaPathFinder):
    """Changes modules once they are imported."""

    changes = {"nerfstudio.models.splatfacto": without_cuda, "nerfstudio.engine.trainer": on_cpu}

    def find_spec(self, name, path, target=None):
        change = self.changes.pop(name, None)
        if change is None:
            return None
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def run_and_change(module):
            run(module)
            change(module)

        spec.loader.exec_module = run_and_change
        return spec


sys.meta_path.insert(0, AfterImport())
