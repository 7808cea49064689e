# Every command installs or starts what it needs and says so. `make` lists them.

.DEFAULT_GOAL := help
.PHONY: help run dev clients up down admin test browsers test-browsers lint fmt faults faults-check endure fuzz services-up services-down bench bench-full bench-send bench-attack schemathesis conformance clean-data

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

run: ## start everything in one process (PORT=8080, or your own DATABASE_URL)
	@deploy/local/run.sh

dev: ## the same, with the clients from their sources by vite (PORT=8080 DEV_PORT=5173)
	@deploy/local/dev.sh

clients: ## build the clients for browsers (brings Node where it is missing)
	@deploy/local/build-clients.sh

up: ## start the distributed shape: two of each service behind one address (FRONT=127.0.0.1:8090)
	@deploy/local/up.sh

admin: ## accounts and chats: ARGS="user add --email … --name … --role user", ARGS="chat create --kind group --member …"
	@deploy/local/admin.sh $(ARGS)

down: ## stop what `make up` started
	@deploy/local/down.sh

test: ## lint, build and run every test on real servers, and faults-check (ARGS="-E 'test(name)'" to choose tests alone)
	@exec deploy/local/test.sh $(ARGS)

browsers: ## real Chromium behind our nginx: 20 tabs with a plain EventSource, 10 restarts of the gateways (TABS=20 RESTARTS=10)
	@BROWSER_TABS=$(or $(TABS),20) BROWSER_RESTARTS=$(or $(RESTARTS),10) exec deploy/local/test.sh -E 'binary(browsers)' --no-capture

test-browsers: ## the widget in Chromium, Firefox and WebKitGTK before real servers (ARGS="--engines firefox --only 'two tabs'" for a part)
	@exec deploy/checks/browsers.sh all $(ARGS)

lint: ## check format, clippy, dependencies and shell scripts
	@deploy/local/lint.sh

fmt: ## format the code
	@cargo fmt --all

faults: ## break the distributed shape under load and compare what clients saw with PostgreSQL (ROUNDS=1 SEED= PUBSUB=redis|pg BROWSERS=4)
	@exec deploy/local/faults.sh $(ARGS)

fuzz: ## throw random and broken input at everything that reads from outside (SECONDS=60, of each reader)
	@cargo run --release --locked --quiet --package fuzz -- --seconds $(or $(SECONDS),60) $(ARGS)

endure: ## minutes of each alarm and of each frozen server: what the services use must not grow (SECONDS=300)
	@exec deploy/local/faults.sh --endure $(or $(SECONDS),300) --rate 8 $(ARGS)

faults-check: ## a short run of the faults, and runs with a planted loss, duplicate and inversion that must be found
	@deploy/checks/faults.sh

bench: ## compare the gateway with a floor, ws, Socket.IO and FastAPI, and sending with pgbench (ARGS="--sockets 1000 --rounds 1" for less)
	@exec deploy/local/bench.sh short $(ARGS)

bench-full: ## all benches, for most of an hour (PARTS="fanout neighbours hold churn operators pipeline depth send attack" for some)
	@exec deploy/local/bench.sh full

services-up: ## start the test servers and leave them running; their addresses are in .run/test/services.env
	@deploy/local/test-services.sh keep

services-down: ## stop the test servers
	@deploy/local/test-services.sh stop

schemathesis: ## try the REST interface against its OpenAPI document, slow (needs Python's venv)
	@deploy/checks/schemathesis.sh

conformance: ## run the WebSocket conformance cases against the gateway (needs Python's venv)
	@deploy/checks/conformance.sh

bench-send: ## messages stored in a second, beside pgbench with the same statement (ARGS="--rounds 3 --seconds 10")
	@exec bench/send.sh $(ARGS)

bench-attack: ## what outsiders try, and what neighbours notice, about 5 minutes (ARGS="--short", ARGS="--program an/older/standalone")
	@exec deploy/local/bench.sh attack $(ARGS)

clean-data: ## stop all and delete the data of run, up and test
	@deploy/local/clean-data.sh
