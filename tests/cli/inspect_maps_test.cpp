// Maps in inspect: those inside others, initial slots, functions for a kernel, arenas.
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"

using namespace skep;
using Json = nlohmann::json;

TEST_CASE("inspect tells what lies in maps of maps, of programs and of functions") {
  const auto object = command::object("shapes");
  if (!object) return;
  const auto outcome = command::skep({"inspect", *object});
  CHECK(outcome.code == 0);
  for (const char* line : {
           "  kept    hash                  8  int (4 B)    int (4 B)                 numa_node, node 1, pinned by "
           "name\n",
           "  heap    arena          10 pages                                         mmapable, extra 0x100000000000\n",
           "  engine  struct_ops            1  4 B          struct engine_ops (24 B)  link\n",
           "inner maps\n",
           "  outer.inner  hash       16  __u64 (8 B)  __u8 (1 B)\n",
           "initial slots\n  outer  [2] inside\n",
           "struct_ops\n  engine  start=on_start\n",
           "  heap  int shared  = 12\n",
       })
    CHECK_MESSAGE(outcome.out.find(line) != std::string::npos, line, outcome.out);
}

TEST_CASE("inspect --json has the same facts of maps, by name") {
  const auto object = command::object("shapes");
  if (!object) return;
  const Json json = Json::parse(command::skep({"inspect", "--json", *object}).out, nullptr, false);
  REQUIRE(json.size() == 1);
  std::map<std::string, Json> maps;
  for (const Json& map : json[0]["maps"]) maps[map["name"]] = map;
  CHECK(maps["outer"]["inner"]["max_entries"] == 16);
  CHECK(maps["outer"]["slots"] == Json{"", "", "inside"});
  CHECK(maps["kept"]["numa_node"] == 1);
  CHECK(maps["kept"]["pinned_by_name"] == true);
  CHECK(maps["heap"]["map_extra"] == 0x100000000000);
  const Json& ops = maps["engine"]["struct_ops"];
  CHECK(ops["type"] == "engine_ops");
  CHECK(ops["members"] == Json::array({{{"name", "start"}, {"program", "on_start"}, {"offset", 0}}}));
  CHECK(ops["value"]["speed"] == 7);
  CHECK(ops["problem"] == "struct bpf_struct_ops_engine_ops");
  CHECK(maps["engine"]["autocreate"] == true);
  CHECK(json[0]["programs"][0]["attach_target"] == "engine_ops.start");
  CHECK(json[0]["globals"][0]["section"] == "heap");
}
