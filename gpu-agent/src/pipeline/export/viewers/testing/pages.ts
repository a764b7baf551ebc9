import { CAMERA_POSITION, FOV_DEGREES, type Placement, SIZE } from "./scene.ts";

/** What the page of a viewer sets: the number of gaussians, once the picture is complete, or why there is none. */
export interface PageState {
  readonly gaussians?: number;
  readonly failed?: string;
}

const IMPORTS = JSON.stringify({
  imports: {
    three: "/three/three.module.js",
    "three/addons/": "/three-addons/",
    "@sparkjsdev/spark": "/spark/spark.module.js",
    "gaussian-splats-3d": "/gaussian-splats-3d/gaussian-splats-3d.module.js",
  },
});

/** x y z w, as three.js takes it. */
function quaternionOf({ axis, degrees }: Placement["turn"]): readonly number[] {
  const half = (degrees * Math.PI) / 360;
  return axis === "x" ? [Math.sin(half), 0, 0, Math.cos(half)] : [0, 0, Math.sin(half), Math.cos(half)];
}

function page(script: string): string {
  return `<!doctype html>
<style>body { margin: 0; overflow: hidden }</style>
<script type="importmap">${IMPORTS}</script>
<script type="module">
import * as THREE from "three";
const renderer = new THREE.WebGLRenderer({ preserveDrawingBuffer: true });
renderer.setSize(${SIZE}, ${SIZE});
document.body.append(renderer.domElement);
const camera = new THREE.PerspectiveCamera(${FOV_DEGREES}, 1, 0.1, 100);
camera.position.set(${CAMERA_POSITION.join(", ")});
camera.lookAt(0, 0, 0);
camera.updateMatrixWorld();
/** Sorting is done in the background: the picture is complete after some frames. */
function render(draw, count) {
  let frames = 0;
  renderer.setAnimationLoop(() => {
    draw();
    if (++frames === 30) window.state = { gaussians: count() };
  });
}
const fail = (error) => { window.state = { failed: String(error) }; };
${script}
</script>`;
}

/** Spark, with the turn as its documentation sets it. */
export function sparkPage(file: string, { turn }: Placement): string {
  return page(`
import { SparkRenderer, SplatMesh } from "@sparkjsdev/spark";
const scene = new THREE.Scene();
scene.add(new SparkRenderer({ renderer }));
const splat = new SplatMesh({ url: ${JSON.stringify(`/results/${file}`)} });
splat.quaternion.set(${quaternionOf(turn).join(", ")});
scene.add(splat);
splat.initialized.then(() => {
  render(() => renderer.render(scene, camera), () => splat.packedSplats?.numSplats ?? splat.numSplats);
}, fail);`);
}

/** GaussianSplats3D, the viewer for three.js that many web pages embed. */
export function gaussianSplats3dPage(file: string, { turn }: Placement): string {
  return page(`
import { RenderMode, SceneRevealMode, Viewer } from "gaussian-splats-3d";
const viewer = new Viewer({
  selfDrivenMode: false, renderer, camera, useBuiltInControls: false, sphericalHarmonicsDegree: 2,
  sharedMemoryForWorkers: false, gpuAcceleratedSort: false, renderMode: RenderMode.Always, sceneRevealMode: SceneRevealMode.Instant,
});
const options = { rotation: [${quaternionOf(turn).join(", ")}], splatAlphaRemovalThreshold: 0, showLoadingUI: false };
viewer.addSplatScene(${JSON.stringify(`/results/${file}`)}, options).then(() => {
  render(() => { viewer.update(); viewer.render(); }, () => viewer.getSplatMesh().getSplatCount());
}).catch(fail);`);
}

/** The settings of SuperSplat's viewer. */
export const SUPERSPLAT_SETTINGS = {
  version: 2,
  tonemapping: "none",
  highPrecisionRendering: false,
  background: { color: [0, 0, 0] },
  postEffectSettings: {
    sharpness: { enabled: false, amount: 0 },
    bloom: { enabled: false, intensity: 1, blurLevel: 2 },
    grading: { enabled: false, brightness: 0, contrast: 1, saturation: 1, tint: [1, 1, 1] },
    vignette: { enabled: false, intensity: 0.5, inner: 0.3, outer: 0.75, curvature: 1 },
    fringing: { enabled: false, intensity: 0.5 },
  },
  animTracks: [],
  cameras: [{ initial: { position: CAMERA_POSITION, target: [0, 0, 0], fov: FOV_DEGREES } }],
  annotations: [],
  startMode: "default",
};

/** Babylon, in its own left-handed world: z is the other way, so the camera is, too. */
export function babylonPage(file: string): string {
  const [x, y, z] = CAMERA_POSITION;
  return `<!doctype html>
<style>body { margin: 0; overflow: hidden }</style>
<canvas width="${SIZE}" height="${SIZE}"></canvas>
<script src="/babylon/babylon.js"></script>
<script src="/babylon/babylonjs.loaders.min.js"></script>
<script type="module">
const engine = new BABYLON.Engine(document.querySelector("canvas"), false, { preserveDrawingBuffer: true });
const scene = new BABYLON.Scene(engine);
scene.clearColor = new BABYLON.Color4(0, 0, 0, 1);
const camera = new BABYLON.FreeCamera("camera", new BABYLON.Vector3(${x}, ${y}, ${-z}), scene);
camera.setTarget(BABYLON.Vector3.Zero());
camera.fov = ${FOV_DEGREES} * Math.PI / 180;
camera.minZ = 0.1;
// What it would load from a public server: how .sog is unpacked, and Niantic's own library for .spz.
const splat = { deflateURL: "/fflate/index.js", spzLibraryUrl: location.origin + "/spz/spz.js" };
const options = { pluginOptions: { splat } };
BABYLON.ImportMeshAsync(${JSON.stringify(`/results/${file}`)}, scene, options).then(({ meshes }) => {
  let frames = 0;
  engine.runRenderLoop(() => {
    scene.render();
    if (++frames === 30) window.state = { gaussians: meshes[0].splatCount };
  });
}).catch((error) => { window.state = { failed: String(error) }; });
</script>`;
}
