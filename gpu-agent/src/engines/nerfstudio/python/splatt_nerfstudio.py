"""Runs nerfstudio's ns-train, ns-eval or ns-export: splatt_nerfstudio.py train|eval|export ARGUMENTS

SPLATT_MAX_SPLATS limits the number of gaussians that training makes.
"""

import importlib
import os
import sys

from gsplat_kernels import import_gsplat

import_gsplat()

import splatfacto_fixes  # noqa: E402  after gsplat, which it imports

PROGRAMS = {
    "train": "nerfstudio.scripts.train",
    "eval": "nerfstudio.scripts.eval",
    "export": "nerfstudio.scripts.exporter",
}

if __name__ == "__main__":
    program = importlib.import_module(PROGRAMS[sys.argv.pop(1)])
    splatfacto_fixes.need_no_download()
    splatfacto_fixes.resume_with_the_loaded_parameters()
    if os.environ.get("SPLATT_MAX_SPLATS"):
        splatfacto_fixes.limit_gaussians(int(os.environ["SPLATT_MAX_SPLATS"]))
    program.entrypoint()
