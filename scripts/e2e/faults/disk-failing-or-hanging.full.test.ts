import { testDiskFaults } from "./harness/test-disk-faults.ts";

await testDiskFaults("failing", "hanging");
