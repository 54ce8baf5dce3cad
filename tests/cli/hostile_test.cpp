// What is wrong with the input or the command line is said, with the exit code that the documentation gives it.
#include <doctest/doctest.h>

#include "cli/command.hpp"

using namespace skep;

namespace {

void check_refused(const std::vector<std::string>& arguments, int code, const std::string& message,
                   std::string_view input = "") {
  const auto outcome = command::skep(arguments, input);
  CHECK_MESSAGE(outcome.code == code, message, ": ", outcome.out, outcome.err);
  CHECK_MESSAGE(outcome.err.find(message) != std::string::npos, "no '", message, "' in: ", outcome.err);
}

}  // namespace

TEST_CASE("usage errors exit with 2 and name what is wrong") {
  check_refused({}, 2, "subcommand");
  check_refused({"walk"}, 2, "subcommand");
  check_refused({"run"}, 2, "OBJ");
  check_refused({"run", "x.o", "--frobnicate"}, 2, "--frobnicate");
  check_refused({"run", "x.o", "--repeat", "0"}, 2, "repeat");
  check_refused({"run", "x.o", "--map", "drops"}, 2, "NAME=VALUE");
  check_refused({"run", "x.o", "--max-entries", "drops=many"}, 2, "NAME=N");
  check_refused({"run", "x.o", "--pcap", "a", "--data", "b"}, 2, "--data");
  check_refused({"dis", "x.o", "--style", "baroque"}, 2, "baroque");
}

TEST_CASE("names that do not exist exit with 2 and list those there are") {
  const auto several = command::object("several");
  const auto verdicts = command::object("verdicts");
  if (!several || !verdicts) return;
  check_refused({"run", *several}, 2, "by_object (xdp), by_user (xdp), dispatch (xdp), first_word (socket)");
  check_refused({"run", *several, "-p", "nobody"}, 2, "has no program nobody");
  check_refused({"dis", *several, "-p", "nobody"}, 2, "has no program nobody");
  check_refused({"run", *several, "-p", "first_word", "--pcap", "x"}, 2, "only XDP programs");
  const std::string json = command::write_file("empty.json", "[]");
  check_refused({"run", *verdicts, "--map", "nowhere=" + json}, 2, "by_first");
  check_refused({"run", *verdicts, "--max-entries", "nowhere=3"}, 2, "nowhere");
  check_refused({"run", *verdicts, "--event", "nowhere=event"}, 2, "no ring buffer");
  check_refused({"run", *verdicts, "--event", "events=ghost"}, 2, "has no type ghost");
  const std::string ghost = command::write_file("ghost.json", R"({"ghost": 1})");
  check_refused({"run", *verdicts, "--map", ".data=" + ghost}, 2, "variable ghost: ");
}

TEST_CASE("refused programs exit with 1 and say what they call") {
  const auto object = command::object("several");
  if (!object) return;
  check_refused({"run", *object, "-p", "forbidden"}, 1, "helper");
}

TEST_CASE("files that cannot be read or written exit with 4") {
  const auto object = command::object("verdicts");
  if (!object) return;
  check_refused({"run", "/nonexistent.o"}, 4, "/nonexistent.o");
  check_refused({"inspect", "/nonexistent.o"}, 4, "/nonexistent.o");
  check_refused({"dis", "/"}, 4, "/");
  check_refused({"run", *object, "--pcap", "/nonexistent.pcap"}, 4, "/nonexistent.pcap");
  check_refused({"run", *object, "--data", "/nonexistent.bin"}, 4, "/nonexistent.bin");
  check_refused({"run", *object, "--write", "/nonexistent/out.pcap"}, 4, "/nonexistent/out.pcap");
  check_refused({"run", *object, "--map", "by_first=/nonexistent.json"}, 4, "/nonexistent.json");
  check_refused({"run", command::write_file("text.o", "no object")}, 4, "text.o");
}

TEST_CASE("JSON that does not fit the map exits with 4 and says which entry") {
  const auto object = command::object("verdicts");
  if (!object) return;
  struct Case {
    const char* map;
    const char* json;
    const char* message;
  };
  const Case cases[] = {
      {"by_first", "[{\"key\": 1,", "is no JSON"},
      {"by_first", "{\"key\": 1}", "list"},
      {"by_first", "[1]", "entry 1"},
      {"by_first", R"([{"key": 1}])", "has no \"value\""},
      {"by_first", R"([{"key": 4294967296, "value": {}}])", "entry 1: key: 4294967296 does not fit 32 bits"},
      {"by_first", R"([{"key": 1, "value": {}}, {"key": "x", "value": {}}])", "entry 2: key: \"x\" is no number"},
      {"by_first", R"([{"key": 1, "value": {"packts": 1}}])", "struct counter has no member packts"},
      {"by_first", R"([{"key": 1, "value": {"packets": [1]}}])", "value.packets"},
      {"by_first", R"([{"key": 1, "value": "01 02"}])", "has 2 bytes, needs 16"},
      {"untyped", R"([{"key": 0, "value": "xy"}])", "'xy'"},
      {"untyped", R"([{"key": 0, "value": [256]}])", "256 is no byte"},
      {"untyped", R"([{"key": 0, "value": {}}])", "needs 8 bytes"},
      {"per_cpu", R"([{"key": 0, "values": []}])", "one a CPU"},
      {".data", R"({"port_table": [1, 2, 3, 4, 5]})", "port_table: has 5 elements, room for 4"},
      {".data", R"({"mode": "MODE_UPSIDE"})", "enumerator"},
  };
  for (const Case& each : cases)
    check_refused({"run", *object, "--map", std::string(each.map) + "=" + command::write_file("bad.json", each.json)},
                  4, each.message);
  const std::string far = command::write_file("far.json", R"([{"key": 9, "value": 0}])");
  check_refused({"run", *object, "--map", "untyped=" + far}, 1, "entry 1");
  const std::string deep = command::write_file(
      "deep.json", R"([{"key": 1, "value": )" + std::string(100000, '[') + std::string(100000, ']') + "}]");
  check_refused({"run", *object, "--map", "by_first=" + deep}, 4, "entry 1");
}

TEST_CASE("captures that break off or are none exit with 4") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string whole = command::pcap_bytes({{1, 2, std::string(64, '\2')}, {1, 3, std::string(64, '\2')}});
  const auto run = [&](const std::string& bytes) {
    return command::skep({"run", *object, "--pcap", command::write_file("cut.pcap", bytes)}).code;
  };
  CHECK(run(whole) == 0);
  CHECK(run(whole.substr(0, 24)) == 0);
  for (const std::size_t bytes : {0, 3, 23, 25, 39, 41, 100, 120, 183})
    CHECK_MESSAGE(run(whole.substr(0, bytes)) == 4, bytes);
  CHECK(run("no capture at all, but a text") == 4);
}

TEST_CASE("an object cut anywhere is refused or read, and never ends the command by a signal") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string whole = command::read_file(*object);
  for (std::size_t bytes = 0; bytes < whole.size(); bytes += 1 + whole.size() / 40) {
    const std::string cut = command::write_file("cut.o", std::string_view(whole).substr(0, bytes));
    for (const char* verb : {"run", "inspect", "dis"}) {
      const auto outcome = command::skep({verb, cut});
      CHECK_MESSAGE(outcome.code <= 4, verb, " of ", bytes, " bytes");
      CHECK_MESSAGE((outcome.code != 0) == !outcome.err.empty(), verb, " of ", bytes, " bytes: ", outcome.err);
    }
  }
}
