import { testHostileVideos } from "./testing/hostile-video-tests.ts";
import { TELLING } from "./testing/telling-hostile-videos.ts";

/** Those that hostile-videos.test.ts leaves out. */

testHostileVideos((name) => !TELLING.has(name));
