"""Prints one line, SPLATT_PROBE and JSON, that says what of nerfstudio works in this Python."""

import glob
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def first_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def nvcc_release():
    if shutil.which("nvcc") is None:
        return None
    try:
        shown = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    release = re.search(r"release (\d+\.\d+)", shown)
    return release.group(1) if release else None


report = {
    "python": platform.python_version(),
    "nerfstudio": version("nerfstudio"),
    "gsplat": version("gsplat"),
    "torch": version("torch"),
    "torch_error": None,
    "cuda": None,
    "gpu": None,
    "capability": None,
    "gpu_error": None,
    "gsplat_prebuilt": False,
    "gsplat_error": None,
    "open3d_error": None,
    "nvcc": nvcc_release(),
    "compiler": any(shutil.which(name) for name in (os.environ.get("CXX") or "c++", "g++")),
    "ninja": shutil.which("ninja") is not None,
}

if report["torch"] is not None:
    try:
        import torch

        report["cuda"] = torch.version.cuda
    except Exception as error:
        report["torch_error"] = first_line(error)

if report["cuda"] is not None:
    try:
        # A GPU too old for this PyTorch is listed as available but cannot run anything.
        (torch.ones(1, device="cuda") + 1).item()
        report["gpu"] = torch.cuda.get_device_name(0)
        report["capability"] = "%d.%d" % torch.cuda.get_device_capability(0)
    except Exception as error:
        report["gpu_error"] = first_line(error)

if report["gsplat"] is not None and report["gpu"] is not None:
    package = importlib.util.find_spec("gsplat")
    folders = list(package.submodule_search_locations or []) if package else []
    report["gsplat_prebuilt"] = any(glob.glob(os.path.join(folder, "csrc*.so")) for folder in folders)
    if report["gsplat_prebuilt"]:
        try:
            from gsplat import csrc  # noqa: F401
        except Exception as error:
            report["gsplat_error"] = first_line(error)

if report["nerfstudio"] is not None and report["gpu"] is not None:
    try:
        # Reads the points that training starts from. It needs libraries for windows, which servers often lack.
        import open3d  # noqa: F401
    except Exception as error:
        report["open3d_error"] = first_line(error)

print("SPLATT_PROBE " + json.dumps(report), flush=True)
