// The functions of LightGBM's C API that GFR calls, of a library loaded at run time: the wheel has no headers, so they
// are declared here as LightGBM 4's c_api.h does. Thread safety: as LightGBM's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "train/engine/engine_error.h"

namespace gfr {

struct LightgbmApi {
  // kNotFound when the library or one of its functions is missing. It is never unloaded.
  static Result<std::shared_ptr<const LightgbmApi>> Load(const std::string& path);

  // Of a value's type, and of what is predicted.
  static constexpr int kFloat32 = 0, kFloat64 = 1;
  static constexpr int kRawScore = 1, kContribution = 3;

  const char* (*LGBM_GetLastError)();
  int (*LGBM_GetSampleCount)(std::int32_t rows, const char* parameters, int* out);
  int (*LGBM_SampleIndices)(std::int32_t rows, const char* parameters, void* out, std::int32_t* count);
  int (*LGBM_DatasetCreateFromSampledColumn)(double** values, int** places, std::int32_t columns, const int* counts,
                                             std::int32_t sampled, std::int32_t rows, std::int64_t rows_of_all,
                                             const char* parameters, void** out);
  int (*LGBM_DatasetCreateByReference)(void* reference, std::int64_t rows, void** out);
  int (*LGBM_DatasetPushRows)(void* handle, const void* data, int type, std::int32_t rows, std::int32_t columns,
                              std::int32_t first);
  int (*LGBM_DatasetSetField)(void* handle, const char* field, const void* data, int count, int type);
  int (*LGBM_DatasetFree)(void* handle);
  int (*LGBM_BoosterCreate)(void* train, const char* parameters, void** out);
  int (*LGBM_BoosterFree)(void* handle);
  int (*LGBM_BoosterAddValidData)(void* handle, void* validation);
  int (*LGBM_BoosterUpdateOneIter)(void* handle, int* finished);
  int (*LGBM_BoosterUpdateOneIterCustom)(void* handle, const float* gradient, const float* hessian, int* finished);
  int (*LGBM_BoosterGetCurrentIteration)(void* handle, int* out);
  int (*LGBM_BoosterGetEval)(void* handle, int data, int* count, double* out);
  int (*LGBM_BoosterGetPredict)(void* handle, int data, std::int64_t* count, double* out);
  int (*LGBM_BoosterGetLeafValue)(void* handle, int tree, int leaf, double* out);
  int (*LGBM_BoosterSetLeafValue)(void* handle, int tree, int leaf, double value);
  int (*LGBM_BoosterSaveModelToString)(void* handle, int first_round, int rounds, int importance, std::int64_t size,
                                       std::int64_t* size_of_all, char* out);
  int (*LGBM_BoosterLoadModelFromString)(const char* text, int* rounds, void** out);
  int (*LGBM_BoosterFeatureImportance)(void* handle, int rounds, int importance, double* out);
  int (*LGBM_BoosterPredictForMat)(void* handle, const void* data, int type, std::int32_t rows, std::int32_t columns,
                                   int row_major, int predict, int first_round, int rounds, const char* parameters,
                                   std::int64_t* count, double* out);

  Status Check(int code) const {
    if (code == 0) return {};
    return EngineError("LightGBM", LGBM_GetLastError());
  }
};

// GFR_LIGHTGBM_LIBRARY, else beside the program, as FindXgboostLibrary.
std::string FindLightgbmLibrary();

}  // namespace gfr
