// skep verify: its options, its exit codes, and its JSON held against the schema that describes it.
#include <doctest/doctest.h>

#include <fstream>
#include <regex>

#include <nlohmann/json.hpp>

#include "cli/command.hpp"

using namespace skep;
using Json = nlohmann::json;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// As much of JSON Schema as docs/verify.schema.json uses. An empty answer: the value is as the schema says.
class Schema {
 public:
  explicit Schema(Json root) : root_(std::move(root)) {}
  [[nodiscard]] std::string fault(const Json& value) const { return fault(root_, value, "$"); }

 private:
  static bool is(const Json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return type == "boolean" && value.is_boolean();
  }

  [[nodiscard]] std::string fault(const Json& schema, const Json& value, const std::string& at) const {
    if (schema.contains("$ref")) {
      const std::string name = schema["$ref"].get<std::string>().substr(std::string("#/$defs/").size());
      return fault(root_["$defs"].at(name), value, at);
    }
    if (schema.contains("const") && value != schema["const"]) return at + ": is not " + schema["const"].dump();
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
      return at + ": " + value.dump() + " is none of " + schema["enum"].dump();
    if (schema.contains("type") && !is(value, schema["type"])) return at + ": is no " + schema["type"].dump();
    if (schema.contains("minimum") && value < schema["minimum"]) return at + ": is too small";
    if (schema.contains("pattern") &&
        !std::regex_search(value.get<std::string>(), std::regex(schema["pattern"].get<std::string>())))
      return at + ": does not match";
    return value.is_object()  ? fault_in_object(schema, value, at)
           : value.is_array() ? fault_in_array(schema, value, at)
                              : "";
  }

  [[nodiscard]] std::string fault_in_object(const Json& schema, const Json& value, const std::string& at) const {
    for (const Json& key : schema.value("required", Json::array()))
      if (!value.contains(key.get<std::string>())) return at + ": lacks " + key.dump();
    for (const auto& [key, member] : value.items()) {
      if (!schema["properties"].contains(key)) return at + ": has " + key + ", which is not described";
      if (auto bad = fault(schema["properties"][key], member, at + "." + key); !bad.empty()) return bad;
    }
    return {};
  }

  [[nodiscard]] std::string fault_in_array(const Json& schema, const Json& value, const std::string& at) const {
    for (std::size_t i = 0; i < value.size(); ++i)
      if (auto bad = fault(schema["items"], value[i], at + "[" + std::to_string(i) + "]"); !bad.empty()) return bad;
    return {};
  }

  Json root_;
};

Schema schema() {
  std::ifstream file("docs/verify.schema.json");
  const Json json = Json::parse(file, nullptr, false);
  REQUIRE(json.is_object());
  return Schema(json);
}

}  // namespace

TEST_CASE("verify --json is what its schema says, problems explained") {
  const auto mistakes = command::object("mistakes");
  const auto verdicts = command::object("verdicts");
  if (!mistakes || !verdicts) return;
  const Schema described = schema();
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--profile"}, {"--unprivileged"}}) {
    std::vector<std::string> arguments{"verify", "--json", *mistakes, *verdicts};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto outcome = command::skep(arguments);
    CHECK(outcome.code == 1);
    const Json json = Json::parse(outcome.out, nullptr, false);
    REQUIRE(!json.is_discarded());
    CHECK(described.fault(json) == "");
    REQUIRE(json["objects"].size() == 2);
    for (const Json& program : json["objects"][0]["programs"]) {
      CHECK(program["problems"].empty() == (program["verdict"] == "accepted"));
      CHECK(program.contains("profile") == (!more.empty() && more[0] == "--profile" && program["processed"] != 0));
    }
  }
  // The validator is no rubber stamp.
  CHECK(described.fault(Json::parse(R"({"version": 2, "limits": {}, "objects": []})")) != "");
  CHECK(described.fault(Json::parse(R"({"version": 1, "objects": []})")) != "");
}

TEST_CASE("verify --explain shows every problem with the steps that lead to it") {
  const auto mistakes = command::object("mistakes");
  if (!mistakes) return;
  const auto brief = command::skep({"verify", *mistakes, "-p", "several_mistakes"});
  const auto full = command::skep({"verify", "--explain", *mistakes, "-p", "several_mistakes"});
  CHECK(brief.code == 1);
  CHECK(full.code == 1);
  CHECK(!has(brief.out, "how it came to this:"));
  for (const char* part :
       {"how it came to this:", "bpf_map_lookup_elem returns r0 = map_value of counts (8 bytes) or null",
        "[access_or_null]", "[packet_out_of_bounds]", "[reference_leak]", "if (data + 13 > data_end) return",
        "bpf_ringbuf_submit or bpf_ringbuf_discard", "0 accepted, 1 refused"})
    CHECK_MESSAGE(has(full.out, part), part, full.out);
  CHECK(!has(full.out, "\x1b["));
}

TEST_CASE("verify says how far it is to Linux' limits") {
  const auto mistakes = command::object("mistakes");
  if (!mistakes) return;
  const auto outcome = command::skep({"verify", *mistakes, "-p", "checked_packet"});
  CHECK(outcome.code == 0);
  for (const char* part : {"% of Linux' limit)", "of 8192 branches", "of 512 B stack"})
    CHECK_MESSAGE(has(outcome.out, part), part, outcome.out);
}

TEST_CASE("verify --log is Linux' log between libbpf's lines") {
  const auto mistakes = command::object("mistakes");
  if (!mistakes) return;
  const auto refused = command::skep({"verify", "--log", "1", *mistakes, "-p", "unchecked_packet"});
  CHECK(refused.code == 1);
  CHECK_MESSAGE(refused.out.starts_with("prog 'unchecked_packet': -- BEGIN PROG LOAD LOG --\n"), refused.out);
  CHECK(has(refused.out, "; return data[12] == 8 ? XDP_PASS : XDP_DROP; @ mistakes.bpf.c:"));
  CHECK(has(refused.out, "mark_read 0\n-- END PROG LOAD LOG --\n"));
  const auto accepted = command::skep({"verify", "--log", "2", *mistakes, "-p", "checked_packet"});
  CHECK(accepted.code == 0);
  CHECK(has(accepted.out, "\nfrom "));
  CHECK(command::skep({"verify", "--log", "3", *mistakes}).code == 2);
  CHECK(command::skep({"verify", "--log", "1", "--json", *mistakes}).code == 2);
}

TEST_CASE("verify --profile counts by source line") {
  const auto mistakes = command::object("mistakes");
  if (!mistakes) return;
  const auto outcome = command::skep({"verify", "--profile", *mistakes, "-p", "counted_loop"});
  CHECK(outcome.code == 0);
  for (const char* part : {"processed", "share", "missed", "mistakes.bpf.c:"})
    CHECK_MESSAGE(has(outcome.out, part), part, outcome.out);
}
