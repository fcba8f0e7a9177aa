# One image for `elt` and `elt-seed`. docs/containers.md says how to use it, and what makes up its size.
#
# Each Postgres gives its own programs: a pg_dump must be no older than its server, and a newer one writes what
# an older server cannot read. elt picks for each pair of servers.
FROM postgres:17-trixie AS postgres_17
COPY containers/programs /usr/local/bin/
RUN programs take

FROM postgres:18-trixie AS postgres_18
COPY containers/programs /usr/local/bin/
RUN programs take

# Debian's own Python: smaller than the python image's, and mended with the system. Bytecode is left out here
# and made again at the end, of those modules alone that are used.
FROM debian:trixie-slim AS base
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 tini tzdata \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* \
 && find /usr/lib/python3* -name __pycache__ -prune -exec rm -rf {} +

FROM base AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    binutils ca-certificates python3-pip python3-setuptools python3-venv
RUN python3 -m venv --without-pip /opt/elt
COPY containers/requirements.txt /build/
RUN python3 -m pip --python /opt/elt/bin/python install --no-cache-dir --no-compile --no-deps \
    --only-binary :all: --require-hashes --requirement /build/requirements.txt \
 && strip --strip-unneeded /opt/elt/lib/python3*/site-packages/yaml/*.so
COPY pyproject.toml README.md LICENSE /build/
COPY elt_script /build/elt_script
COPY source_db_init /build/source_db_init
RUN python3 -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel /build \
 && python3 -m pip --python /opt/elt/bin/python install --no-cache-dir --no-compile --no-deps /wheel/*.whl

FROM base AS joined
COPY --from=postgres_17 /taken /taken/17
COPY --from=postgres_18 /taken /taken/18
COPY containers/programs /usr/local/bin/
RUN programs join /taken/18 /taken/17

FROM base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=joined /joined /
RUN ldconfig \
 && mkdir -p /usr/lib/ssl && ln -sf /etc/ssl/certs/ca-certificates.crt /usr/lib/ssl/cert.pem \
 && groupadd --gid 10001 elt \
 && useradd --uid 10001 --gid elt --no-create-home --home-dir /var/lib/elt --shell /usr/sbin/nologin elt \
 && install --directory --owner elt --group elt --mode 1777 /var/lib/elt \
 && rm -rf /var/log/* /etc/*- /var/cache/ldconfig/aux-cache
COPY --from=build /opt/elt /opt/elt
ENV PATH=/opt/elt/bin:$PATH
# Both commands start, find their programs, and find no server (exit status 4): what they import is compiled.
RUN ls /usr/lib/postgresql/17/bin /usr/lib/postgresql/18/bin > /dev/null \
 && export ELT_SOURCE_URL=postgresql://localhost:1/a ELT_DESTINATION_URL=postgresql://localhost:2/b \
 && echo 'wait: {max_retries: 0}' > /tmp/config.yaml \
 && for command in 'elt --config /tmp/config.yaml run' 'elt-seed --offline --port 1 --max-retries 0'; do \
      $command 2> /tmp/said || test $? = 4 || { cat /tmp/said; exit 1; }; \
    done \
 && rm -r /tmp/*

# The one place that is written to: the rest may be read-only. Any user id will do where it is writable.
ENV HOME=/var/lib/elt TMPDIR=/var/lib/elt XDG_STATE_HOME=/var/lib/elt \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /etc/elt
USER 10001:10001
ENTRYPOINT ["tini", "--", "elt"]
CMD ["run"]
LABEL org.opencontainers.image.title="elt" \
      org.opencontainers.image.description="Copies a Postgres database into another one: write, audit, publish" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:trixie-slim"
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.version=$VERSION org.opencontainers.image.revision=$REVISION
