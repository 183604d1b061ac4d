# The few commands worth remembering. Everything else is `cargo` and `switchboard --help`.

.PHONY: run test check bench conformance docs clean

# A debug build, on purpose: it starts in a fraction of the time of an optimized one, and password
# hashing and SQLite are optimized in every profile. For load, use `cargo run --release -- serve`.
run:
	@echo "For people and rooms to try it with, run this once before: cargo run -- demo"
	@echo "Then sign in as alice, bob, carol or admin; the password is switchboard-demo."
	cargo run -- serve --bind 127.0.0.1:8000

# Everything, on both engines: nothing is skipped, what is missing is installed.
# For a quick run with SQLite and memory alone: cargo test
# Stories wait more than they compute, so more of them run than there are cores. They make owners and
# sessions panic on purpose, and a backtrace of a debug build takes seconds.
test:
	.ci/install-engines
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))} RUST_BACKTRACE=0 \
		REQUIRE_ENGINES=1 cargo test --locked
	.ci/conformance

# What CI runs: format, lints, docs, tests, conformance.
check:
	.ci/run

bench:
	cargo run --release -- bench

# RFC 6455, by Autobahn's cases, against the built server.
conformance:
	.ci/install-engines kosoku
	cargo build
	.ci/conformance

# The tables in docs/PROTOCOL.md are printed from the code; then the code's own documentation.
docs:
	UPDATE_DOCS=1 cargo test --test docs_tables
	cargo doc --no-deps

clean:
	cargo clean
