"""Runs nerfstudio's ns-train, ns-eval or ns-export: splatt_nerfstudio.py train|eval|export ARGUMENTS

Several of them, with --then in between, run one after another in this process: to import nerfstudio takes as long as
a short training does. Each but the first has SPLATT_THEN_SECONDS; when they are over the process ends, and says where
it stood. SPLATT_MAX_SPLATS limits the number of gaussians that training makes.
"""

import faulthandler
import gc
import importlib
import os
import sys

from gsplat_kernels import import_gsplat

import_gsplat()

import splatfacto_fixes  # noqa: E402  after gsplat, which it imports
import torch  # noqa: E402

PROGRAMS = {
    "train": "nerfstudio.scripts.train",
    "eval": "nerfstudio.scripts.eval",
    "export": "nerfstudio.scripts.exporter",
}


def split(arguments):
    """One list of arguments for each program."""
    programs = [[]]
    for argument in arguments:
        if argument == "--then":
            programs.append([])
        else:
            programs[-1].append(argument)
    return programs


def run(program, *arguments):
    sys.argv[1:] = arguments
    importlib.import_module(PROGRAMS[program]).entrypoint()
    # The next program loads the model again, and the GPU may not have room for two.
    gc.collect()
    torch.cuda.empty_cache()


if __name__ == "__main__":
    splatfacto_fixes.need_no_download()
    splatfacto_fixes.resume_with_the_loaded_parameters()
    if os.environ.get("SPLATT_MAX_SPLATS"):
        splatfacto_fixes.limit_gaussians(int(os.environ["SPLATT_MAX_SPLATS"]))
    for i, command in enumerate(split(sys.argv[1:])):
        if i > 0 and os.environ.get("SPLATT_THEN_SECONDS"):
            faulthandler.dump_traceback_later(float(os.environ["SPLATT_THEN_SECONDS"]), exit=True)
        run(*command)
