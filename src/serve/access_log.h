// The access log: one line of the program's log (runtime/logger.h) for each request, with `[serve] access_log = true`.
//
// A line has method, endpoint (as routes name it), status, duration, the response's bytes and the trace: never a path
// or query as it was sent, an id of a user or session, an address or a token. Thread safety: pure function.
#pragma once

#include "serve/router.h"

namespace gfr {

void WriteAccessLog(const RouterAnswer& answer);

}  // namespace gfr
