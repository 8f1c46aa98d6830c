"""How the Python servers of comparisons run: one uvicorn process, which prints "listening on :PORT" when it takes calls."""
import contextlib
import socket

import fastapi
import uvicorn


def run_app(port, make):
    """`make(app)` adds the calls. Returns when the process is told to end."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))

    @contextlib.asynccontextmanager
    async def lifespan(_):
        print(f"listening on :{listener.getsockname()[1]}", flush=True)
        yield

    app = fastapi.FastAPI(lifespan=lifespan)
    make(app)
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])
