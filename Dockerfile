# Hairpin as an image, in two sizes. The last stage runs everything in one process, with ClickHouse in it. `--target services`
# ends before ClickHouse's engine comes in: a distributed installation has a ClickHouse of its own, and the engine is two
# thirds of the image. .ci/image builds and runs both.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /hairpin
COPY package.json package-lock.json .npmrc ./
# The base image has Node, so that the package of it goes; no package needs its script.
RUN npm install --ignore-scripts && mkdir /engine && mv node_modules/@chdb node_modules/@yuuang /engine
COPY . .
# What only editors and debuggers read goes too.
RUN node build.ts && npm prune --omit=dev --omit=optional --ignore-scripts \
  && rm -rf node_modules/node-linux-* node_modules/.bin node_modules/@types \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.?ts' \) -delete

FROM node:24.21.0-bookworm-slim AS services
WORKDIR /hairpin
RUN mkdir /data && chown node:node /data
COPY --from=build /hairpin/package.json ./
COPY --from=build /hairpin/node_modules node_modules
COPY --from=build /hairpin/bin/hairpin.js bin/
COPY --from=build /hairpin/dist dist
USER node
VOLUME /data
EXPOSE 2055/udp 4739/udp 6343/udp 8080/tcp
HEALTHCHECK --interval=10s --timeout=5s --retries=6 --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "--disable-warning=ExperimentalWarning", "bin/hairpin.js"]
CMD ["start", "--data", "/data"]

FROM services
COPY --from=build /engine node_modules
