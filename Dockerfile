# syntax=docker/dockerfile:1
# One image for each service: docker build --target chat-service|dispatcher|channel-gateway|standalone .

# The clients for browsers. Their sources alone, so that a change of the server does not build them anew.
FROM node:24-bookworm-slim AS clients
WORKDIR /clients
COPY clients .
RUN --mount=type=cache,target=/root/.npm,sharing=locked \
    npm ci --ignore-scripts --no-audit --no-fund && npm run build

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# For the allocator, which is built from C.
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
COPY . .
COPY --from=clients /clients/dist clients/dist
# With dates of today: cargo takes what is older than its last build for what is in it.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    find clients/dist -exec touch {} + \
    && cargo build --release --locked \
      --package chat-service --package dispatcher --package channel-gateway --package standalone \
    && mkdir /binaries \
    && for name in chat-service dispatcher channel-gateway standalone; do \
         cp "target/release/$name" /binaries/ || exit 1; \
       done

FROM debian:bookworm-slim AS runtime
# curl is for the health checks; certificates for outside issuers and exporters.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin switchboard
USER 10001:10001
ENV LOG__FORMAT=json
# The address is the same in every image, so that one health check serves them all.
ENV HTTP__BIND=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8080/readyz"]

FROM runtime AS chat-service
COPY --from=build /binaries/chat-service /usr/local/bin/
ENTRYPOINT ["chat-service"]

FROM runtime AS dispatcher
COPY --from=build /binaries/dispatcher /usr/local/bin/
ENTRYPOINT ["dispatcher"]

FROM runtime AS channel-gateway
COPY --from=build /binaries/channel-gateway /usr/local/bin/
ENTRYPOINT ["channel-gateway"]

# The last is the default: everything in one process, PostgreSQL beside it. Keys live in DATA_DIR.
FROM runtime AS standalone
COPY --from=build /binaries/standalone /usr/local/bin/
USER 0
RUN install --directory --owner=10001 --group=10001 --mode=700 /var/lib/switchboard
USER 10001:10001
ENV DATA_DIR=/var/lib/switchboard
VOLUME /var/lib/switchboard
ENTRYPOINT ["standalone"]
