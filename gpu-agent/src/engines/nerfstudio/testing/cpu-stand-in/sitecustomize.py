"""A stand-in for gsplat's CUDA kernels, so that the real nerfstudio can be tried on a machine without a GPU.

Python imports a module of this name by itself when its folder is on PYTHONPATH. Everything but the renderer is
then the real program: its arguments, its output, its checkpoints and its bugs. The renderer is differentiable
and its pictures are rough; nothing about quality or speed can be learnt from it.
"""

import importlib.abc
import importlib.util
import sys


def rasterization(
    means, quats, scales, opacities, colors, viewmats, Ks, width, height, render_mode="RGB", sh_degree=None, **_
):
    """Round, flat-coloured gaussians, blended by weight; the parameters and results are those of gsplat's."""
    import torch

    points = means @ viewmats[0, :3, :3].T + viewmats[0, :3, 3]
    depth = points[:, 2].clamp(min=0.05)
    focal_x, focal_y, centre_x, centre_y = Ks[0, 0, 0], Ks[0, 1, 1], Ks[0, 0, 2], Ks[0, 1, 2]
    means2d = torch.stack(
        [focal_x * points[:, 0] / depth + centre_x, focal_y * points[:, 1] / depth + centre_y], dim=-1
    )[None]
    if means2d.requires_grad:
        means2d.register_hook(lambda gradient: setattr(means2d, "absgrad", gradient.abs()))
    radii = (focal_x * scales.mean(-1) / depth).clamp(0.5, 20.0)
    visible = points[:, 2] > 0.05
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    squared = (x[..., None] - means2d[0, :, 0]) ** 2 + (y[..., None] - means2d[0, :, 1]) ** 2
    weights = opacities * visible * torch.exp(-0.5 * squared / radii**2) + 1e-9
    total = weights.sum(-1, keepdim=True)
    rgb = (colors[:, 0] * 0.28209479 + 0.5).clamp(min=0) if sh_degree is not None else colors
    image = ((weights @ rgb) / (total + 0.1))[None]
    if render_mode == "RGB+ED":
        image = torch.cat([image, ((weights @ depth[:, None]) / total)[None]], dim=-1)
    info = {
        "means2d": means2d,
        "radii": (radii * visible)[None].detach(),
        "width": width,
        "height": height,
        "n_cameras": 1,
        "gaussian_ids": None,
    }
    return image, (total / (total + 0.1))[None], info


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
