# One image for the web server and the worker: docker build -t discern .
# The base is an argument, so that it can be a Debian of your own: --build-arg BASE=registry.example.com/debian:bookworm-slim
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements requirements
RUN python3 -m venv /opt/discern \
    && /opt/discern/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md CHANGELOG.md ./
COPY adaptive adaptive
COPY question_bank question_bank
COPY survey_service survey_service
COPY migrations migrations
RUN python3 -m venv /opt/builder \
    && /opt/builder/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes -r requirements/build.txt \
    && /opt/builder/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/discern/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps /wheels/*.whl \
    && /opt/discern/bin/python -m compileall -q /opt/discern \
    && /opt/discern/bin/python -m pip uninstall --quiet --yes pip

FROM ${BASE}
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 ca-certificates >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin discern \
    && install -d -o discern -g discern /var/lib/discern
COPY --from=build /opt/discern /opt/discern
ENV PATH=/opt/discern/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 \
    DISCERN_DATABASE_URL=sqlite:////var/lib/discern/discern.db
USER 10001
# Nothing else is written to: the root file system may be read-only.
VOLUME /var/lib/discern
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["discern"]
CMD ["serve", "--bind", "0.0.0.0:8000"]
