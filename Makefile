# Compiled modules are kept: hundreds of tests start programs, and each program would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: dist install run test unit image-test widget lint audit bench fuzz lock clean

install:  ## the environment in .venv, with the discern command
	@./requirements/install.sh run

run:  ## everything on this machine: environment, database, example bank, service, worker, demo page
	@./requirements/install.sh run
	@.venv/bin/discern demo

test:  ## everything: unit, PostgreSQL, browser
	@./requirements/install.sh dev
	@./requirements/test-machine.sh
	.venv/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder --durations=25

unit:  ## what needs only Python: SQLite, no PostgreSQL, no browser, no other process, nothing long; two minutes
	@./requirements/install.sh dev
	.venv/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder \
		-m "not postgresql and not browser and not processes and not slow"

image-test:  ## build the image without a container engine, and see it work; as root
	@./requirements/image-test.sh

widget:  ## the built files for browsers, which are committed: the widget with its style sheet, and the editor of the console
	@./requirements/node.sh
	node tests/node/widget.mjs survey_service/embed/static
	node tests/node/editor.mjs survey_service/console/static

dist:  ## a wheel of this version, in dist/
	@./requirements/install.sh run
	.venv/bin/uv build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir dist .
	@ls dist/*.whl

lint:
	@./requirements/install.sh dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

audit:  ## is what is installed what the lock files say; is a weakness known of it
	@./requirements/install.sh dev
	.venv/bin/python requirements/audit.py

bench:  ## the figures of the README
	@./requirements/install.sh dev
	.venv/bin/python benchmarks/engine.py
	.venv/bin/python benchmarks/simulate.py
	.venv/bin/python benchmarks/calibration.py
	.venv/bin/python benchmarks/questions.py
	OMP_NUM_THREADS=1 PYTHONPATH=. .venv/bin/python -P benchmarks/attribution.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/attribution_scale.py
	OMP_NUM_THREADS=1 PYTHONPATH=. .venv/bin/python -P benchmarks/kpi.py
	OMP_NUM_THREADS=1 PYTHONPATH=. .venv/bin/python -P benchmarks/readiness.py
	OMP_NUM_THREADS=1 PYTHONPATH=. .venv/bin/python -P benchmarks/company.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/next.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/widget_size.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/widget_speed.py
	.venv/bin/python benchmarks/http.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/console.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/scale.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/servers.py --postgresql
	PYTHONPATH=. .venv/bin/python -P benchmarks/chaos.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/disasters.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/webhooks.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/fleet.py

fuzz:  ## twelve minutes of what nobody would send: the HTTP API, and everything that reads files, tokens and messages
	@./requirements/install.sh dev
	PYTHONPATH=. .venv/bin/python -P benchmarks/fuzz_http.py
	PYTHONPATH=. .venv/bin/python -P benchmarks/fuzz.py --minutes 5
	PYTHONPATH=. .venv/bin/python -P benchmarks/fuzz.py --minutes 5 --postgresql

COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11
lock:  ## the lock files anew; UPGRADE=--upgrade takes newer versions
	@./requirements/install.sh dev
	$(COMPILE) $(UPGRADE) pyproject.toml -o requirements/run.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --extra analysis -c requirements/run.txt -o requirements/analysis.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --extra analysis --extra posters --extra oidc --extra dev -c requirements/analysis.txt -o requirements/dev.txt
	printf 'hatchling\neditables\n' | $(COMPILE) $(UPGRADE) - -o requirements/build.txt
	echo uv | $(COMPILE) $(UPGRADE) - -o requirements/uv.txt

clean:  ## everything that was made; the demo's database too
	rm -rf .venv var dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
