#include "serve/model_service.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/test_folder.h"
#include "serve/test_forest.h"

namespace gfr {
namespace {

using Json = nlohmann::json;

// LightGBM's text of one stump: x <= 1 gives 0.5, else 2.
constexpr char kStump[] = R"(tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=0
objective=regression
feature_names=x
feature_infos=[0:10]

Tree=0
num_leaves=2
num_cat=0
split_feature=0
split_gain=1
threshold=1
decision_type=2
left_child=-1
right_child=-2
leaf_value=0.5 2
leaf_weight=1 1
leaf_count=1 1
internal_value=1
internal_weight=2
internal_count=2
is_linear=0
shrinkage=1


end of trees
)";

class ModelServiceTest : public testing::Test {
 protected:
  ModelServiceTest() {
    std::filesystem::create_directories(folder_ / "models/second");
    std::ofstream(folder_ / "models/second/model.txt") << kStump;
    std::ofstream(folder_ / "models/first.txt") << kStump;
    std::ofstream(folder_ / "outside.txt") << kStump;
    access_ = Access::Open(PosixFileSystem(), {.open = true}).value();
  }
  void Serve(ModelHostOptions options = {}) {
    host_ = std::make_unique<ModelHost>(PosixFileSystem(), std::move(options));
    EXPECT_TRUE(host_->LoadDefault(folder_ / "models/first.txt", "stump").ok());
    service_ = std::make_unique<ModelService>(*host_, *access_, ModelProtocolOptions{});
  }
  HttpResponse Ask(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::string& type = "application/json", const std::string& accept = "") {
    HttpRequest request{.method = method,
                        .path = path,
                        .headers = {{"host", "localhost"}, {"content-type", type}},
                        .body = body,
                        .client = "127.0.0.1"};
    if (!accept.empty()) request.headers.emplace_back("accept", accept);
    return Call(*service_, std::move(request));
  }
  HttpResponse Post(const std::string& path, const std::string& body, const std::string& type = "application/json",
                    const std::string& accept = "") {
    return Ask("POST", path, body, type, accept);
  }

  const TestFolder folder_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<ModelHost> host_;
  std::unique_ptr<ModelService> service_;
};

TEST_F(ModelServiceTest, InvocationsAnswerInTheTypeOfTheBodyOrOfAccept) {
  Serve();
  EXPECT_EQ(Post("/invocations", R"({"instances":[[1],[2]]})").body, R"({"predictions":[0.5,2]})");
  EXPECT_EQ(Post("/invocations", R"({"dataframe_records":[{"x":5}]})", "application/json; charset=utf-8").body,
            R"({"predictions":[2]})");
  const HttpResponse csv = Post("/invocations", "1\n2\n", "text/csv");
  EXPECT_EQ(csv.body, "0.5,2");
  EXPECT_EQ(csv.content_type, "text/csv");
  EXPECT_EQ(Post("/invocations", "[1]\n[2]\n", "application/jsonlines").body,
            "{\"prediction\":0.5}\n{\"prediction\":2}\n");
  EXPECT_EQ(Post("/invocations", "1\n", "text/csv", "application/json").body, R"({"predictions":[0.5]})");
  EXPECT_EQ(Post("/invocations", "1\n", "text/csv", "*/*").content_type, "text/csv");
  const HttpResponse bad = Post("/invocations", R"({"instances":[[1,2]]})");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(Json::parse(bad.body)["message"], "row 0 has 2 values; the model reads 1");
  EXPECT_EQ(Post("/invocations", "1", "image/png").status, 415);
  EXPECT_EQ(Ask("GET", "/ping").status, 200);
  EXPECT_EQ(Ask("GET", "/health").status, 200);
  EXPECT_EQ(Json::parse(Ask("GET", "/execution-parameters").body)["MaxPayloadInMB"], 16);
  EXPECT_EQ(Ask("GET", "/models").status, 404) << "without --models nothing is loaded by name";
}

TEST_F(ModelServiceTest, WithATokenAllButProbesNeedIt) {
  access_ = Access::Open(PosixFileSystem(), {.tokens = {{"feed", "secret"}}}).value();
  Serve({.folder = folder_ / "models"});
  for (const char* path : {"/invocations", "/v2/models/stump/infer", "/endpoints/stump/invocations", "/models"}) {
    const HttpResponse refused = Post(path, "{}");
    EXPECT_EQ(refused.status, 401) << path;
    EXPECT_NE(refused.body.find("--token-file"), std::string::npos);
  }
  EXPECT_EQ(Ask("DELETE", "/models/stump").status, 401);
  for (const char* path : {"/ping", "/health", "/v2/health/ready", "/livez", "/readyz", "/metrics"})
    EXPECT_EQ(Ask("GET", path).status, 200) << path;
  HttpRequest call{.method = "POST",
                   .path = "/invocations",
                   .headers = {{"host", "localhost"}, {"content-type", "text/csv"}, {"authorization", "Bearer secret"}},
                   .body = "2"};
  EXPECT_EQ(Call(*service_, call).body, "2");
}

TEST_F(ModelServiceTest, EachRouteHasItsOwnSeriesOfRequests) {
  Serve({.folder = folder_ / "models"});
  EXPECT_EQ(Ask("DELETE", "/models/none").status, 404);
  EXPECT_EQ(Ask("GET", "/version").status, 200);
  const std::string metrics = Ask("GET", "/metrics").body;
  for (const char* series :
       {"{endpoint=\"/models/\",status=\"404\"} 1\n", "{endpoint=\"/version\",status=\"200\"} 1\n"})
    EXPECT_NE(metrics.find(std::string("gfr_request_duration_seconds_count") + series), std::string::npos) << series;
}

TEST_F(ModelServiceTest, ABatchTransformGetsALineARecord) {
  Serve();
  service_ = std::make_unique<ModelService>(*host_, *access_, ModelProtocolOptions{.batch = true});
  EXPECT_EQ(Post("/invocations", "1\n2\n", "text/csv").body, "0.5\n2\n");
}

TEST_F(ModelServiceTest, TheRuntimeApiNamesTheVariantAndSaysItsOwnErrors) {
  Serve();
  const HttpResponse good = Post("/endpoints/stump/invocations", "2", "text/csv");
  EXPECT_EQ(good.body, "2");
  EXPECT_EQ(good.headers.at(0),
            (std::pair<std::string, std::string>("x-Amzn-Invoked-Production-Variant", "AllTraffic")));
  const HttpResponse unknown = Post("/endpoints/other/invocations", "2", "text/csv");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(Json::parse(unknown.body)["Code"], "ValidationError");
  EXPECT_EQ(Post("/endpoints/stump/invocations", "y", "text/csv").status, 424);
}

TEST_F(ModelServiceTest, OpenInferenceDescribesTheModelAndInfers) {
  Serve();
  EXPECT_EQ(Json::parse(Ask("GET", "/v2").body)["name"], "gfr");
  EXPECT_EQ(Json::parse(Ask("GET", "/v2/health/live").body)["live"], true);
  EXPECT_EQ(Json::parse(Ask("GET", "/v2/health/ready").body)["ready"], true);
  const Json metadata = Json::parse(Ask("GET", "/v2/models/stump").body);
  EXPECT_EQ(metadata["platform"], "lightgbm");
  EXPECT_EQ(metadata["inputs"][0], Json::parse(R"({"name":"input","datatype":"FP64","shape":[-1,1]})"));
  EXPECT_EQ(Ask("GET", "/v2/models/stump/versions/1/ready").status, 200);
  EXPECT_EQ(Ask("GET", "/v2/models/stump/versions/2").status, 404);
  EXPECT_EQ(Ask("GET", "/v2/models/none/ready").body, "{\"error\":\"there is no model 'none'\"}\n");
  const std::string body = R"({"id":"a\"b","inputs":[{"name":"x","shape":[2,1],"datatype":"FP64","data":[1,2]}]})";
  EXPECT_EQ(Post("/v2/models/stump/infer", body).body,
            R"({"model_name":"stump","model_version":"1","id":"a\"b","outputs":[{"name":"predict","datatype":"FP64",)"
            R"("shape":[2],"data":[0.5,2]}]})");
  EXPECT_EQ(Post("/v2/models/stump/versions/1/infer", body).status, 200);
  const HttpResponse bad = Post("/v2/models/stump/infer", "{}");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.body, "{\"error\":\"inputs is missing or empty\"}\n");
}

TEST_F(ModelServiceTest, OpenInferencePredictsForTensorsInBinaryForm) {
  Serve();
  EXPECT_EQ(Json::parse(Ask("GET", "/v2").body)["extensions"], Json({"binary_tensor_data"}));
  const std::string document =
      R"({"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[2,1],"datatype":"FP64",)"
      R"("parameters":{"binary_data_size":16}}]})";
  const double values[] = {1, 2};
  const std::string tensor(reinterpret_cast<const char*>(values), sizeof values);
  const auto infer = [&](const std::string& length) {
    return Call(*service_, {.method = "POST",
                            .path = "/v2/models/stump/infer",
                            .headers = {{"host", "localhost"}, {"inference-header-content-length", length}},
                            .body = document + tensor,
                            .client = "127.0.0.1"});
  };
  const HttpResponse response = infer(std::to_string(document.size()));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.content_type, "application/octet-stream");
  const std::string head =
      R"({"model_name":"stump","model_version":"1","outputs":[{"name":"predict","datatype":"FP64","shape":[2],)"
      R"("parameters":{"binary_data_size":16}}]})";
  const double predicted[] = {0.5, 2};
  EXPECT_EQ(response.body, head + std::string(reinterpret_cast<const char*>(predicted), sizeof predicted));
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0],
            std::pair(std::string("Inference-Header-Content-Length"), std::to_string(head.size())));
  for (const char* wrong : {"x", "-1", "1000", "99999999999999999999", "3"})
    EXPECT_EQ(infer(wrong).status, 400) << wrong;
}

TEST_F(ModelServiceTest, ModelsAreLoadedByNameFromBelowTheFolderOnly) {
  Serve({.folder = folder_ / "models"});
  std::filesystem::create_symlink(folder_ / "outside.txt", folder_ / "models/link.txt");
  const auto load = [&](const std::string& name, const std::string& path) {
    return Post("/models", Json{{"model_name", name}, {"url", path}}.dump()).status;
  };
  EXPECT_EQ(load("two", folder_ / "models/second"), 200);
  EXPECT_EQ(load("two", folder_ / "models/second"), 409);
  for (const char* outside : {"outside.txt", "models/../outside.txt", "models/link.txt", "models/none.txt"})
    EXPECT_EQ(load("three", folder_ / outside), 400) << outside;
  EXPECT_EQ(load("three", ""), 400);
  EXPECT_EQ(Post("/models/two/invoke", "2", "text/csv").body, "2");
  EXPECT_EQ(Post("/models/none/invoke", "2", "text/csv").status, 404);
  EXPECT_EQ(Post("/v2/models/two/infer", "{}").status, 400);
  EXPECT_EQ(Json::parse(Ask("GET", "/models").body)["models"].size(), 2u);
  EXPECT_EQ(Json::parse(Ask("GET", "/models/two").body)["modelUrl"], folder_ / "models/second");
  EXPECT_EQ(Ask("DELETE", "/models/two").status, 200);
  EXPECT_EQ(Ask("DELETE", "/models/two").status, 404);
  EXPECT_EQ(Ask("DELETE", "/models/stump").status, 404) << "the one of --model stays";
}

TEST_F(ModelServiceTest, AModelForWhichNoMemoryIsLeftIsRefused) {
  ModelHost all(PosixFileSystem(), {});
  ASSERT_TRUE(all.LoadDefault(folder_ / "models/first.txt", "stump").ok());
  Serve({.folder = folder_ / "models", .memory_bytes = all.Default()->memory_bytes() * 3 / 2});
  const std::string body = Json{{"model_name", "two"}, {"url", folder_ / "models/second"}}.dump();
  EXPECT_EQ(Post("/models", body).status, 507);
}

TEST_F(ModelServiceTest, EveryRouteIsDescribedAndNoPageOfAnotherSiteGetsIn) {
  Serve({.folder = folder_ / "models"});
  const Json document = Json::parse(Ask("GET", "/openapi.json").body);
  std::set<std::string> ids;
  for (const Route& route : service_->routes()) {
    EXPECT_TRUE(ids.insert(route.operation->id).second) << route.operation->id;
    EXPECT_FALSE(route.operation->replies.empty()) << route.operation->id;
  }
  EXPECT_TRUE(document["paths"].contains("/v2/models/{model}"));
  HttpRequest request{.method = "POST", .path = "/invocations", .headers = {{"host", "evil.example"}}, .body = "1"};
  EXPECT_EQ(Call(*service_, request).status, 421);
  request.headers = {{"host", "localhost"}, {"origin", "https://evil.example"}};
  EXPECT_EQ(Call(*service_, request).status, 403);
}

TEST(ForestModelTest, PredictsAsTheForestSaysInFloatsOrDoubles) {
  for (const auto engine : {Forest::Engine::kXgboost, Forest::Engine::kLightgbm}) {
    const auto model = ForestModel::Make(StumpsForTests(engine), "m").value();
    RowMatrix rows;
    rows.Clear(2, model->doubles());
    for (const double value : {0.0, 3.0, 1.0, 0.0}) rows.Add(value);
    rows.Resize(6);
    std::vector<double> predictions;
    model->Predict(rows, &predictions);
    EXPECT_EQ(predictions, (std::vector<double>{-0.5, 1.25, 1.25}));
  }
}

}  // namespace
}  // namespace gfr
