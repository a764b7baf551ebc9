"""Compiles gsplat's CUDA kernels where they are not stale and nobody else is compiling them.

gsplat builds them at its first import, into a folder named only after Python and CUDA, and takes whatever it
finds there to be its own: after an update the import fails, or the first call does. And it empties the folder
before it compiles, so two trainings that start together, on two GPUs, break each other's build.
"""

import fcntl
import importlib.metadata
import importlib.util
import os
from pathlib import Path

# Peak memory of nvcc on one of gsplat's files.
COMPILER_BYTES = 3 * 1024**3


def cache_folder():
    """A folder for exactly these versions."""
    versions = "-".join(f"{package}-{importlib.metadata.version(package)}" for package in ("gsplat", "torch"))
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(cache, "splatt", "torch-extensions", versions)


def compilers():
    """As many parallel compilers as fit in memory; gsplat would start ten."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(os.cpu_count() or 1, memory // COMPILER_BYTES))


def tell(what):
    """Shown as the training's progress (see train-output.ts)."""
    print("Splatt:", what, flush=True)


def are_compiled(folder):
    package = Path(importlib.util.find_spec("gsplat").origin).parent
    return any(package.glob("csrc*.so")) or any(folder.rglob("gsplat_cuda.so"))


def import_kernels(folder):
    import torch

    if not torch.cuda.is_available():
        return
    if not are_compiled(folder):
        tell("compiling gsplat's CUDA kernels, once, which takes minutes")
    import gsplat.cuda._backend  # noqa: F401


def wait_for(lock):
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        tell("waiting while another training compiles gsplat's CUDA kernels")
        fcntl.flock(lock, fcntl.LOCK_EX)


def import_gsplat():
    """Imports gsplat and, on a machine with CUDA, its kernels, one process at a time."""
    os.environ.setdefault("TORCH_EXTENSIONS_DIR", str(cache_folder()))
    os.environ.setdefault("MAX_JOBS", str(compilers()))
    folder = Path(os.environ["TORCH_EXTENSIONS_DIR"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / "splatt.lock", "w")
    except OSError:
        # A service without a home folder. That is fine when gsplat came with its kernels.
        return import_kernels(folder)
    # The system releases this lock when the process ends, however it ends.
    with lock:
        wait_for(lock)
        import_kernels(folder)
