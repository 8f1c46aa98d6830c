// The functions of XGBoost's C API that GFR calls, of a library loaded at run time: the wheel has no headers, so they
// are declared here as XGBoost 3.2's c_api.h does. Thread safety: as XGBoost's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"
#include "train/engine/engine_error.h"

namespace gfr {

struct XgboostApi {
  // kNotFound when the library or one of its functions is missing. It is never unloaded.
  static Result<std::shared_ptr<const XgboostApi>> Load(const std::string& path);

  const char* (*XGBGetLastError)();
  void (*XGBoostVersion)(int* major, int* minor, int* patch);
  int (*XGDMatrixCreateFromDense)(const char* data, const char* config, void** out);
  int (*XGProxyDMatrixCreate)(void** out);
  int (*XGProxyDMatrixSetDataDense)(void* handle, const char* data);
  int (*XGQuantileDMatrixCreateFromCallback)(void* iterator, void* proxy, void* ref, void (*reset)(void*),
                                             int (*next)(void*), const char* config, void** out);
  int (*XGDMatrixSetInfoFromInterface)(void* handle, const char* field, const char* data);
  int (*XGDMatrixFree)(void* handle);
  int (*XGBoosterCreate)(void* const matrices[], std::uint64_t count, void** out);
  int (*XGBoosterFree)(void* handle);
  int (*XGBoosterSetParam)(void* handle, const char* name, const char* value);
  int (*XGBoosterUpdateOneIter)(void* handle, int round, void* train);
  int (*XGBoosterTrainOneIter)(void* handle, void* train, int round, const char* gradient, const char* hessian);
  int (*XGBoosterPredictFromDMatrix)(void* handle, void* matrix, const char* config, const std::uint64_t** shape,
                                     std::uint64_t* dim, const float** out);
  int (*XGBoosterEvalOneIter)(void* handle, int round, void* matrices[], const char* names[], std::uint64_t count,
                              const char** out);
  int (*XGBoosterSlice)(void* handle, int begin, int end, int step, void** out);
  int (*XGBoosterSaveModelToBuffer)(void* handle, const char* config, std::uint64_t* size, const char** out);
  int (*XGBoosterLoadModelFromBuffer)(void* handle, const void* data, std::uint64_t size);
  int (*XGBoosterFeatureScore)(void* handle, const char* config, std::uint64_t* features, const char*** names,
                               std::uint64_t* dim, const std::uint64_t** shape, const float** scores);
  int (*XGBoosterPredictFromDense)(void* handle, const char* data, const char* config, void* meta,
                                   const std::uint64_t** shape, std::uint64_t* dim, const float** out);

  int (*XGBSetGlobalConfig)(const char* config);
  int (*XGTrackerCreate)(const char* config, void** out);
  int (*XGTrackerRun)(void* handle, const char* config);
  int (*XGTrackerWorkerArgs)(void* handle, const char** args);
  int (*XGTrackerWaitFor)(void* handle, const char* config);
  int (*XGTrackerFree)(void* handle);
  int (*XGCommunicatorInit)(const char* config);
  int (*XGCommunicatorFinalize)();
  int (*XGCommunicatorIsDistributed)();
  int (*XGCommunicatorAllreduce)(void* values, std::size_t count, int type, int operation);

  Status Check(int code) const {
    if (code == 0) return {};
    return EngineError("XGBoost", XGBGetLastError());
  }

  std::string Version() const;  // "3.2.0".

  // XGBoost's collective: `workers` processes join one tracker, train, and leave. `sums` are added up over those that
  // joined; alone, they stay. A process that is lost fails the others' calls.
  Status Join(const std::string& tracker_args, int rank) const;
  Status Leave() const { return Check(XGCommunicatorFinalize()); }
  Status SumOverProcesses(std::span<double> sums) const;
};

// Where those processes find each other, at `host`.
class XgboostTracker {
 public:
  static Result<std::unique_ptr<XgboostTracker>> Start(std::shared_ptr<const XgboostApi> api, const std::string& host,
                                                       int workers);
  const std::string& worker_args() const { return args_; }  // What Join wants, as JSON.
  // After all have left. A tracker that was never waited for stays until the process ends: XGBoost cannot stop one
  // whose workers were lost.
  Status Wait();

 private:
  XgboostTracker(std::shared_ptr<const XgboostApi> api, void* handle) : api_(std::move(api)), handle_(handle) {}
  std::shared_ptr<const XgboostApi> api_;
  void* handle_;
  std::string args_;
};

// GFR_XGBOOST_LIBRARY, else beside the program: ../lib/gfr/ (installed), ../venv/ (the build folder).
std::string FindXgboostLibrary();

}  // namespace gfr
