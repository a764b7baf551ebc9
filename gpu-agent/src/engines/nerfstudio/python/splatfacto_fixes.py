"""Fixes for splatfacto of nerfstudio 1.1.5."""

import inspect

import torch
import torchmetrics.image.lpip
from gsplat.strategy import DefaultStrategy
from nerfstudio.engine.trainer import Trainer
from nerfstudio.models.splatfacto import SplatfactoModel


class NoPerceptualMetric(torch.nn.Module):
    """Replaces the model's LPIPS metric and measures nothing."""

    def __init__(self, **_):
        super().__init__()

    def forward(self, *_):
        return float("nan")


def need_no_download():
    """The model makes an LPIPS metric, also where nothing is measured, and that downloads 233 MB of AlexNet:
    a machine without a way out could neither train nor export. Each checkpoint holds those weights too."""
    torchmetrics.image.lpip.LearnedPerceptualImagePatchSimilarity = NoPerceptualMetric


def resume_with_the_loaded_parameters():
    """Loading a checkpoint gives the model new parameters, as many as the checkpoint has gaussians, but leaves
    the optimizers with the old ones: nothing is trained any more, and the next densification fails with an
    index error (nerfstudio issue 3554). And 1.1.5 takes --max-num-iterations as that many more steps; here, as
    in later versions, it is the total."""
    load_checkpoint = Trainer._load_checkpoint
    iterations_are_more = "max_num_iterations - self._start_step" not in inspect.getsource(Trainer.train)

    def load_and_rebind(self):
        load_checkpoint(self)
        for name, loaded in self.pipeline.get_param_groups().items():
            optimizer = self.optimizers.optimizers[name]
            group = optimizer.param_groups[0]
            for index, parameter in enumerate(loaded):
                stale = group["params"][index]
                if stale is parameter:
                    continue
                group["params"][index] = parameter
                # Adam's moments came from the checkpoint, so they fit the new parameter.
                if stale in optimizer.state:
                    optimizer.state[parameter] = optimizer.state.pop(stale)
        if iterations_are_more:
            self.config.max_num_iterations -= self._start_step

    Trainer._load_checkpoint = load_and_rebind


def limit_gaussians(limit):
    """Densifies the gaussians with the largest gradients, up to the limit."""
    populate_modules = SplatfactoModel.populate_modules
    grow = DefaultStrategy._grow_gs

    def populate_with_thinned_seeds(self):
        if self.seed_points is not None and len(self.seed_points[0]) > limit:
            kept = torch.linspace(0, len(self.seed_points[0]) - 1, limit).long()
            self.seed_points = tuple(part[kept] for part in self.seed_points)
        self.config.num_random = min(self.config.num_random, limit)
        populate_modules(self)

    @torch.no_grad()
    def grow_within_limit(self, params, optimizers, state, step):
        room = max(0, limit - len(params["means"]))
        gradients = state["grad2d"] / state["count"].clamp_min(1)
        grows = gradients > self.grow_grad2d
        if step < self.refine_scale2d_stop_iter:
            grows |= state["radii"] > self.grow_scale2d
        if int(grows.sum()) <= room:
            return grow(self, params, optimizers, state, step)

        # Every gaussian that is duplicated or split adds one.
        first = torch.topk(gradients, room).indices
        waits = torch.ones_like(grows)
        waits[first] = False
        state["grad2d"][waits] = 0
        by_screen_size = self.grow_scale2d
        self.grow_scale2d = float("inf")
        try:
            return grow(self, params, optimizers, state, step)
        finally:
            self.grow_scale2d = by_screen_size

    SplatfactoModel.populate_modules = populate_with_thinned_seeds
    DefaultStrategy._grow_gs = grow_within_limit
