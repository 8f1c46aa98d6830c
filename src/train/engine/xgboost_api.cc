#include "train/engine/xgboost_api.h"

#include <csignal>
#include <cstdio>

#include "train/engine/wheel_library.h"

namespace gfr {
namespace {

// Within which workers must find each other, and answer each other in training.
constexpr int kPeerTimeoutSeconds = 300;

constexpr const char* kLibraryVariable = "GFR_XGBOOST_LIBRARY";

}  // namespace

Result<std::shared_ptr<const XgboostApi>> XgboostApi::Load(const std::string& path) {
  auto api = std::make_shared<XgboostApi>();
  GFR_ASSIGN(WheelLibrary library, WheelLibrary::Open(path, "XGBoost", kLibraryVariable));
#define GFR_LOAD(name) library.Load(#name, api->name)
  GFR_LOAD(XGBGetLastError);
  GFR_LOAD(XGBoostVersion);
  GFR_LOAD(XGDMatrixCreateFromDense);
  GFR_LOAD(XGProxyDMatrixCreate);
  GFR_LOAD(XGProxyDMatrixSetDataDense);
  GFR_LOAD(XGQuantileDMatrixCreateFromCallback);
  GFR_LOAD(XGDMatrixSetInfoFromInterface);
  GFR_LOAD(XGDMatrixFree);
  GFR_LOAD(XGBoosterCreate);
  GFR_LOAD(XGBoosterFree);
  GFR_LOAD(XGBoosterSetParam);
  GFR_LOAD(XGBoosterUpdateOneIter);
  GFR_LOAD(XGBoosterTrainOneIter);
  GFR_LOAD(XGBoosterPredictFromDMatrix);
  GFR_LOAD(XGBoosterEvalOneIter);
  GFR_LOAD(XGBoosterSlice);
  GFR_LOAD(XGBoosterSaveModelToBuffer);
  GFR_LOAD(XGBoosterLoadModelFromBuffer);
  GFR_LOAD(XGBoosterFeatureScore);
  GFR_LOAD(XGBoosterPredictFromDense);
  GFR_LOAD(XGBSetGlobalConfig);
  GFR_LOAD(XGTrackerCreate);
  GFR_LOAD(XGTrackerRun);
  GFR_LOAD(XGTrackerWorkerArgs);
  GFR_LOAD(XGTrackerWaitFor);
  GFR_LOAD(XGTrackerFree);
  GFR_LOAD(XGCommunicatorInit);
  GFR_LOAD(XGCommunicatorFinalize);
  GFR_LOAD(XGCommunicatorIsDistributed);
  GFR_LOAD(XGCommunicatorAllreduce);
#undef GFR_LOAD
  GFR_TRY(library.Check("XGBoost 3"));
  return std::shared_ptr<const XgboostApi>(std::move(api));
}

std::string XgboostApi::Version() const {
  int major = 0, minor = 0, patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

Status XgboostApi::Join(const std::string& tracker_args, int rank) const {
  ::signal(SIGPIPE, SIG_IGN);  // XGBoost writes to sockets whose other end may be gone.
  GFR_TRY(Check(XGBSetGlobalConfig("{\"verbosity\":0}")));
  const std::size_t end = tracker_args.rfind('}');
  if (end == std::string::npos) return Error{ErrorCode::kInvalidArgument, "no tracker in '" + tracker_args + "'"};
  char task[16];
  std::snprintf(task, sizeof task, "%06d", rank);  // The tracker ranks by this text.
  return Check(XGCommunicatorInit((tracker_args.substr(0, end) + ",\"dmlc_task_id\":\"" + task +
                                   "\",\"dmlc_communicator\":\"rabit\",\"dmlc_retry\":3,\"dmlc_timeout\":" +
                                   std::to_string(kPeerTimeoutSeconds) + "}")
                                      .c_str()));
}

Status XgboostApi::SumOverProcesses(std::span<double> sums) const {
  constexpr int kDouble = 2, kSum = 2;  // XGBoost's numbers of a type and an operation.
  if (!XGCommunicatorIsDistributed()) return {};
  return Check(XGCommunicatorAllreduce(sums.data(), sums.size(), kDouble, kSum));
}

Result<std::unique_ptr<XgboostTracker>> XgboostTracker::Start(std::shared_ptr<const XgboostApi> api,
                                                              const std::string& host, int workers) {
  ::signal(SIGPIPE, SIG_IGN);
  void* handle = nullptr;
  GFR_TRY(api->Check(api->XGTrackerCreate(("{\"host\":\"" + host + "\",\"n_workers\":" + std::to_string(workers) +
                                           ",\"port\":0,\"dmlc_communicator\":\"rabit\",\"sortby\":1,\"timeout\":" +
                                           std::to_string(kPeerTimeoutSeconds) + "}")
                                              .c_str(),
                                          &handle)));
  std::unique_ptr<XgboostTracker> tracker(new XgboostTracker(api, handle));
  GFR_TRY(api->Check(api->XGTrackerRun(handle, "{}")));
  const char* args = nullptr;
  GFR_TRY(api->Check(api->XGTrackerWorkerArgs(handle, &args)));
  tracker->args_ = args;
  return tracker;
}

Status XgboostTracker::Wait() {
  GFR_TRY(api_->Check(api_->XGTrackerWaitFor(handle_, "{\"timeout\":30}")));
  return api_->Check(api_->XGTrackerFree(handle_));
}

std::string FindXgboostLibrary() { return FindWheelLibrary(kLibraryVariable, "xgboost/lib/libxgboost.so"); }

}  // namespace gfr
