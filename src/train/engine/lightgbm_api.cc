#include "train/engine/lightgbm_api.h"

#include "train/engine/wheel_library.h"

namespace gfr {
namespace {

constexpr const char* kLibraryVariable = "GFR_LIGHTGBM_LIBRARY";

}  // namespace

Result<std::shared_ptr<const LightgbmApi>> LightgbmApi::Load(const std::string& path) {
  auto api = std::make_shared<LightgbmApi>();
  GFR_ASSIGN(WheelLibrary library, WheelLibrary::Open(path, "LightGBM", kLibraryVariable));
#define GFR_LOAD(name) library.Load(#name, api->name)
  GFR_LOAD(LGBM_GetLastError);
  GFR_LOAD(LGBM_GetSampleCount);
  GFR_LOAD(LGBM_SampleIndices);
  GFR_LOAD(LGBM_DatasetCreateFromSampledColumn);
  GFR_LOAD(LGBM_DatasetCreateByReference);
  GFR_LOAD(LGBM_DatasetPushRows);
  GFR_LOAD(LGBM_DatasetSetField);
  GFR_LOAD(LGBM_DatasetFree);
  GFR_LOAD(LGBM_BoosterCreate);
  GFR_LOAD(LGBM_BoosterFree);
  GFR_LOAD(LGBM_BoosterAddValidData);
  GFR_LOAD(LGBM_BoosterUpdateOneIter);
  GFR_LOAD(LGBM_BoosterUpdateOneIterCustom);
  GFR_LOAD(LGBM_BoosterGetCurrentIteration);
  GFR_LOAD(LGBM_BoosterGetEval);
  GFR_LOAD(LGBM_BoosterGetPredict);
  GFR_LOAD(LGBM_BoosterGetLeafValue);
  GFR_LOAD(LGBM_BoosterSetLeafValue);
  GFR_LOAD(LGBM_BoosterSaveModelToString);
  GFR_LOAD(LGBM_BoosterLoadModelFromString);
  GFR_LOAD(LGBM_BoosterFeatureImportance);
  GFR_LOAD(LGBM_BoosterPredictForMat);
#undef GFR_LOAD
  GFR_TRY(library.Check("LightGBM 4"));
  return std::shared_ptr<const LightgbmApi>(std::move(api));
}

std::string FindLightgbmLibrary() { return FindWheelLibrary(kLibraryVariable, "lightgbm/lib/lib_lightgbm.so"); }

}  // namespace gfr
