//! The end-to-end tests, each a script in `guest/scenarios`, each in a guest of its own.

use system_tests::scenario;

#[test]
fn kernel() {
    scenario("kernel");
}
