"""Writes the splat of a checkpoint as a PLY, without a GPU: splatt_checkpoint_ply.py CHECKPOINT PLY

Properties are those that ns-export writes, which takes a minute for a million gaussians, and loads the whole of
nerfstudio and the dataset for it. Values that are not finite are kept: the export stage counts and drops them.
"""

import sys

import numpy
import torch


# An opacity of 1/255, as a logit; gsplat draws nothing of one below it.
LEAST_OPACITY = -5.5373


def columns(gaussians):
    """Names and values, one row per gaussian; f_rest_* go colour by colour."""
    rest = gaussians["features_rest"].transpose(1, 2).reshape(len(gaussians["means"]), -1)
    parts = [
        (["x", "y", "z"], gaussians["means"]),
        (["f_dc_%d" % i for i in range(3)], gaussians["features_dc"]),
        (["f_rest_%d" % i for i in range(rest.shape[1])], rest),
        (["opacity"], gaussians["opacities"]),
        (["scale_%d" % i for i in range(3)], gaussians["scales"]),
        (["rot_%d" % i for i in range(4)], gaussians["quats"]),
    ]
    names = [name for part, _ in parts for name in part]
    return names, torch.cat([values for _, values in parts], dim=1)


def main(checkpoint, ply):
    # Trusted: our own training wrote it, and it holds more than tensors.
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)["pipeline"]
    prefix = "_model.gauss_params."
    gaussians = {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
    names, values = columns(gaussians)
    is_unseen = gaussians["opacities"][:, 0] < LEAST_OPACITY
    values = values[~is_unseen]
    header = ["ply", "format binary_little_endian 1.0", "element vertex %d" % len(values)]
    header += ["property float %s" % name for name in names] + ["end_header", ""]
    with open(ply, "wb") as file:
        file.write("\n".join(header).encode())
        file.write(values.numpy().astype(numpy.dtype("<f4")).tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
