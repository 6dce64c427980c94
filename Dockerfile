# Hairpin as an image. It has been read and compared with the program (commands/compose.test.ts), not run.
FROM node:24.21.0-bookworm-slim
WORKDIR /hairpin
COPY package.json package-lock.json .npmrc ./
# What npm prepares at its end comes below: it needs the sources, and the compile cache is each user's own.
RUN npm install --omit=dev --no-audit --no-fund
COPY . .
RUN mkdir -p /data node_modules/.cache && chown node:node /data node_modules/.cache
USER node
RUN npm run prepare
VOLUME /data
EXPOSE 2055/udp 4739/udp 6343/udp 8080/tcp
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "hairpin.ts"]
CMD ["start", "--data", "/data"]
