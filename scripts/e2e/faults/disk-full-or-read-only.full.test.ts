import { testDiskFaults } from "./harness/test-disk-faults.ts";

await testDiskFaults("full", "read-only");
