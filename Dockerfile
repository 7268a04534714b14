# carpal serve on a CPU: docker build -t carpal . ; how to run it is in docs/how-to/container.md
# The root file system may be read-only: only /data (the store) and /tmp are written to.
FROM python:3.11-slim-bookworm AS build

ENV PIP_CONSTRAINT=/src/constraints-ci.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# Without pip and setuptools: nothing is installed later, and what is not there need not be patched.
RUN python -m venv --without-pip /opt/carpal
COPY pyproject.toml constraints-ci.txt README.md LICENSE ./
COPY src src
# No extra that needs torch.
RUN python -m pip --python /opt/carpal/bin/python install --no-cache-dir '.[serve,dicom]'


FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="carpal" \
      org.opencontainers.image.description="Bone age from hand radiographs. Research use, not a medical device." \
      org.opencontainers.image.licenses="Apache-2.0"

RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin carpal \
    && install --directory --owner carpal --group carpal --mode 0700 /data
COPY --from=build /opt/carpal /opt/carpal

# One thread per worker process; what matplotlib keeps goes where may be written.
ENV PATH=/opt/carpal/bin:$PATH \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    OMP_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# No WORKDIR in /data: a forgotten --data would make a second store inside the store.
USER 10001:10001
VOLUME /data
EXPOSE 8000 11112

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=4)"]

ENTRYPOINT ["carpal"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/data"]
