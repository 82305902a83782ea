# The image of `migrate` and `worker` in docker-compose.yml.
#
# The Python that constraints.txt was tested on. On linux/amd64 the pinned torch brings its CUDA
# libraries from the ordinary index, so the base needs none.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    TRACKER_HOME=/var/lib/tracker

# A new volume takes the owner of the folder it covers, so an ordinary user can write to it.
RUN useradd --uid 10001 --create-home tracker \
    && install --directory --owner=tracker --group=tracker /var/lib/tracker

WORKDIR /src

# Dependencies first: gigabytes that change with these two files only, not with the code.
COPY pyproject.toml constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > requirements.txt \
    && pip install --constraint constraints.txt --requirement requirements.txt

COPY README.md LICENSE ./
COPY tracker tracker/
COPY workers workers/
COPY migrations migrations/
RUN pip install --no-deps --no-cache-dir --constraint constraints.txt . \
    && rm -rf build

USER tracker
# Away from /src, so that `python -c "import tracker"` finds what was installed.
WORKDIR /var/lib/tracker
CMD ["tracker", "worker"]
