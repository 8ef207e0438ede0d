# syntax=docker/dockerfile:1.7
# The whole program in one image: `docker build -t bitcoin-dashboard .`, then
# `docker run --rm -p 127.0.0.1:8080:8080 bitcoin-dashboard` shows the dashboard on its sample feed. What it stores is in
# /data and goes with the container unless a volume is put there (`-v bitcoin-dashboard:/data`).
ARG RUST_VERSION=1.95.0
ARG DEBIAN_RELEASE=bookworm

FROM rust:${RUST_VERSION}-slim-${DEBIAN_RELEASE} AS build
# The C libraries inside: SQLite, zstd, librdkafka; OpenSSL (perl) only with FEATURES=kafka-tls.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ gcc libc6-dev make perl zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# Features of the root crate, with commas: kafka-tls, archive.
ARG FEATURES=""
# What was fetched and compiled stays in the builder's cache from one build to the next, and out of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin bitcoin-dashboard --features "${FEATURES}" \
    && cp target/release/bitcoin-dashboard /usr/local/bin/bitcoin-dashboard

FROM debian:${DEBIAN_RELEASE}-20260824-slim
LABEL org.opencontainers.image.title="bitcoin-dashboard" \
      org.opencontainers.image.description="A real-time Bitcoin dashboard on the Trombe topology runtime" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# A user without a name in any host's list, so that a number in a file's owner means this container.
RUN useradd --system --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin dashboard \
    && install --directory --owner=10001 --group=10001 --mode=0750 /data
COPY --from=build /usr/local/bin/bitcoin-dashboard /usr/local/bin/bitcoin-dashboard
COPY --chmod=0755 docker/healthcheck /usr/local/bin/healthcheck
USER 10001:10001
WORKDIR /data
EXPOSE 8080
# What is under way is finished and stored.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ["healthcheck", "page", "8080"]
ENTRYPOINT ["bitcoin-dashboard"]
# Inside a container the loopback is nobody else's: who may reach the page is decided by what is published.
CMD ["up", "--listen", "0.0.0.0:8080"]
