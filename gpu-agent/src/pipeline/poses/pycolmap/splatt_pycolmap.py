"""COLMAP's command line on top of pycolmap, for machines whose COLMAP is missing, older or without CUDA.

Understands the commands and options that Splatt gives to COLMAP 4.x. pycolmap prints COLMAP's own log, and the exit code
is 1 where COLMAP's would be.
"""

import os
import sys

OLDEST = (4, 0)


class UsageError(Exception):
    pass


def import_pycolmap():
    import pycolmap

    version = pycolmap.__version__
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise UsageError(f"pycolmap {version} is too old; version {OLDEST[0]}.{OLDEST[1]} or newer is needed")
    pycolmap.logging.logtostderr = True
    pycolmap.logging.colorlogtostderr = False
    pycolmap.logging.minloglevel = 0
    return pycolmap


class Options:
    """The options of a command line. All must be taken: `finish` refuses the others."""

    def __init__(self, words):
        self.values = {}
        if len(words) % 2 != 0:
            raise UsageError(f"the option '{words[-1]}' has no value")
        for name, value in zip(words[::2], words[1::2]):
            if not name.startswith("--"):
                raise UsageError(f"unrecognised option '{name}'")
            self.values[name[2:]] = value

    def take(self, name, default=None):
        return self.values.pop(name, default)

    def need(self, name):
        value = self.take(name)
        if value is None:
            raise UsageError(f"the option '--{name}' is required but missing")
        return value

    def take_flag(self, name, default):
        return self.take(name, default) not in ("0", "false")

    def fill(self, group, *targets):
        """Moves the options of a group into the first of the targets that has a field of that name."""
        for name in [name for name in self.values if name.startswith(group + ".")]:
            field = name[len(group) + 1 :]
            target = next((target for target in targets if hasattr(target, field)), None)
            if target is None:
                raise UsageError(f"unrecognised option '--{name}'")
            setattr(target, field, converted(getattr(target, field), self.values.pop(name)))

    def finish(self):
        for name in self.values:
            raise UsageError(f"unrecognised option '--{name}'")


def converted(example, value):
    """The text of an option in the type of the value that it replaces."""
    if isinstance(example, bool):
        return value not in ("0", "false")
    if isinstance(example, int):
        return int(value)
    if isinstance(example, float):
        return float(value)
    return value


def extract_features(pycolmap, options):
    reader = pycolmap.ImageReaderOptions()
    extraction = pycolmap.FeatureExtractionOptions()
    single = options.take_flag("ImageReader.single_camera", "0")
    listed = options.take("image_list_path")
    names = []
    if listed is not None:
        with open(listed, encoding="utf-8") as file:
            names = [line.rstrip("\n") for line in file if line.strip()]
    use_gpu = options.take_flag("FeatureExtraction.use_gpu", "1")
    options.fill("ImageReader", reader)
    options.fill("FeatureExtraction", extraction)
    options.fill("SiftExtraction", extraction.sift)
    database, images = options.need("database_path"), options.need("image_path")
    options.finish()
    pycolmap.extract_features(
        database,
        images,
        image_names=names,
        camera_mode=pycolmap.CameraMode.SINGLE if single else pycolmap.CameraMode.AUTO,
        reader_options=reader,
        extraction_options=extraction,
        device=device_for(pycolmap, use_gpu),
    )


def device_for(pycolmap, use_gpu):
    return pycolmap.Device.cuda if use_gpu else pycolmap.Device.cpu


def matcher(function, pairing_class, group):
    """A command that matches the pairs of images that `pairing_class` describes."""

    def match(pycolmap, options):
        matching = pycolmap.FeatureMatchingOptions()
        verification = pycolmap.TwoViewGeometryOptions()
        pairing = getattr(pycolmap, pairing_class)()
        listed = options.take("match_list_path")
        if listed is not None:
            pairing.match_list_path = listed
            if options.take("match_type", "pairs") != "pairs":
                raise UsageError("only the match_type 'pairs' is supported")
        use_gpu = options.take_flag("FeatureMatching.use_gpu", "1")
        options.fill("FeatureMatching", matching)
        options.fill("SiftMatching", matching.sift)
        options.fill("TwoViewGeometry", verification, verification.ransac)
        options.fill(group, pairing)
        database = options.need("database_path")
        options.finish()
        getattr(pycolmap, function)(
            database,
            matching_options=matching,
            pairing_options=pairing,
            verification_options=verification,
            device=device_for(pycolmap, use_gpu),
        )

    return match


def map_cameras(pycolmap, options):
    pipeline = pycolmap.IncrementalPipelineOptions()
    options.fill("Mapper", pipeline, pipeline.mapper, pipeline.triangulation)
    database, images = options.need("database_path"), options.need("image_path")
    output, model = options.need("output_path"), options.take("input_path", "")
    options.finish()
    models = pycolmap.incremental_mapping(database, images, output, options=pipeline, input_path=model)
    if not models:
        raise RuntimeError("failed to create sparse model")


def triangulate_points(pycolmap, options):
    pipeline = pycolmap.IncrementalPipelineOptions()
    options.fill("Mapper", pipeline, pipeline.mapper, pipeline.triangulation)
    database, images = options.need("database_path"), options.need("image_path")
    given, output = options.need("input_path"), options.need("output_path")
    options.finish()
    model = pycolmap.Reconstruction(given)
    pycolmap.triangulate_points(model, database, images, output, options=pipeline)


def adjust_bundle(pycolmap, options):
    adjustment = pycolmap.BundleAdjustmentOptions()
    options.fill("BundleAdjustment", adjustment)
    model, output = options.need("input_path"), options.need("output_path")
    options.finish()
    reconstruction = pycolmap.Reconstruction(model)
    pycolmap.bundle_adjustment(reconstruction, adjustment)
    reconstruction.write(output)


COMMANDS = {
    "feature_extractor": extract_features,
    "exhaustive_matcher": matcher("match_exhaustive", "ExhaustivePairingOptions", "ExhaustiveMatching"),
    "sequential_matcher": matcher("match_sequential", "SequentialPairingOptions", "SequentialMatching"),
    "matches_importer": matcher("match_image_pairs", "ImportedPairingOptions", "ImportedMatching"),
    "mapper": map_cameras,
    "point_triangulator": triangulate_points,
    "bundle_adjuster": adjust_bundle,
}


def print_help():
    """COLMAP's banner, then the folders that this program reads, for a sandbox."""
    pycolmap = import_pycolmap()
    print(f"{pycolmap.COLMAP_version} -- through pycolmap")
    print(f"({'with' if pycolmap.has_cuda else 'without'} CUDA)")
    folders = {sys.prefix, sys.base_prefix, *sys.path}
    for folder in sorted(folder for folder in folders if os.path.isdir(folder)):
        print(f"reads {folder}")


def main(words):
    if words == ["-h"]:
        print_help()
        return
    run = COMMANDS.get(words[0] if words else "")
    if run is None:
        raise UsageError(f"unrecognised command '{' '.join(words[:1])}'")
    options = Options(words[1:])
    # They set up COLMAP's log, which `import_pycolmap` does.
    options.take("log_target")
    options.take("log_color")
    run(import_pycolmap(), options)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UsageError as error:
        print(f"ERROR: Failed to parse options - {error}.", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(1)
