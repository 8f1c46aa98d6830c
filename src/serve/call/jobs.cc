// GET /v1/jobs/ID: {"job", "state"}, and once it has run "answer" or "error".
#include "serve/jobs.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "serve/call/calls.h"
#include "serve/feed_json.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

const char* NameOf(Jobs::State state) {
  switch (state) {
    case Jobs::State::kWaiting:
      return "waiting";
    case Jobs::State::kRunning:
      return "running";
    case Jobs::State::kDone:
      return "done";
    case Jobs::State::kFailed:
      return "failed";
  }
  return "";
}

}  // namespace

HttpResponse JobStarted(const std::string& job_id) {
  HttpResponse started = JsonResponse(202, {{"job", job_id}, {"at", "/v1/jobs/" + job_id}});
  started.headers.emplace_back("Location", "/v1/jobs/" + job_id);
  return started;
}

HttpResponse GetJob(ServiceState& s, const std::string& job_id) {
  const auto job = s.jobs.Find(job_id);
  if (!job)
    return ProblemResponse(404, "Not Found",
                           "there is no job '" + job_id.substr(0, 200) + "'; the answers of the last " +
                               std::to_string(Jobs::kKept) + " since the start are kept");
  Json json{{"job", job->id}, {"state", NameOf(job->state)}};
  if (job->state == Jobs::State::kDone) json["answer"] = ParseJson<Json>(job->answer);
  if (job->state == Jobs::State::kFailed) json["error"] = job->error;
  return JsonResponse(200, json);
}

}  // namespace gfr
