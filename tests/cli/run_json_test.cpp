// What `skep run --json` says, against what the packets were: the test program does what their first byte asks for.
#include <map>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"

using namespace skep;
using command::Packet;
using Json = nlohmann::json;

namespace {

std::string packet_of(int first, std::size_t bytes = 64) {
  std::string packet(bytes, '\0');
  packet[0] = static_cast<char>(first);
  return packet;
}

/// 3 aborted, 5 dropped, 7 passed, 2 sent back, 4 redirected, 1 invalid, of different sizes.
std::vector<Packet> mixed() {
  std::vector<Packet> packets;
  const std::map<int, int> counts{{0, 3}, {1, 5}, {2, 7}, {3, 2}, {4, 4}, {9, 1}};
  for (const auto& [first, count] : counts)
    for (int i = 0; i < count; ++i)
      packets.push_back({1700000000u + static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(i),
                         packet_of(first, 60 + static_cast<std::size_t>(i))});
  return packets;
}

Json run_json(std::vector<std::string> arguments, int code = 0) {
  arguments.insert(arguments.begin(), "run");
  arguments.emplace_back("--json");
  const auto outcome = command::skep(arguments);
  CHECK_MESSAGE(outcome.code == code, outcome.err);
  const Json json = Json::parse(outcome.out, nullptr, false);
  REQUIRE_MESSAGE(!json.is_discarded(), outcome.out, outcome.err);
  return json;
}

Json map_named(const Json& report, const std::string& name) {
  for (const Json& map : report["maps"])
    if (map["name"] == name) return map["entries"];
  FAIL("no map ", name);
  return {};
}

Json global_named(const Json& report, const std::string& name) {
  for (const Json& global : report["globals"])
    if (global["name"] == name) return global["value"];
  FAIL("no global ", name);
  return {};
}

std::uint64_t bytes_of(int count) { return static_cast<std::uint64_t>(60 * count + count * (count - 1) / 2); }

}  // namespace

TEST_CASE("run counts verdicts, bytes and redirects as the packets ask for them") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const Json report = run_json({*object, "--pcap", command::write_file("in.pcap", command::pcap_bytes(mixed()))});
  CHECK(report["program"] == "verdicts");
  CHECK(report["type"] == "xdp");
  CHECK(report["runs"] == 22);
  const std::map<std::string, int> expected{{"aborted", 3}, {"drop", 5},     {"pass", 7},
                                            {"tx", 2},      {"redirect", 4}, {"invalid", 1}};
  for (const auto& [verdict, count] : expected) {
    CHECK(report["verdicts"][verdict]["packets"] == count);
    CHECK(report["verdicts"][verdict]["bytes"] == bytes_of(count));
  }
  CHECK(report["redirects"] == Json::parse(R"([{"to": "ifindex 7", "packets": 4}])"));
  CHECK(report["faults"]["count"] == 0);
  CHECK(report["ns_per_run"] > 0);
}

TEST_CASE("run shows maps, globals, events and printk lines by their types") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string capture = command::write_file("in.pcap", command::pcap_bytes(mixed()));
  const Json report = run_json({*object, "--pcap", capture, "--event", "events=event"});
  CHECK(map_named(report, "by_first")[1] == Json{{"key", 1}, {"value", {{"packets", 5}, {"bytes", bytes_of(5)}}}});
  CHECK(map_named(report, "by_first").size() == 6);
  CHECK(map_named(report, "untyped").empty());
  std::uint64_t all = 0;
  for (const int count : {3, 5, 7, 2, 4, 1}) all += bytes_of(count);
  const Json per_cpu = map_named(report, "per_cpu");
  REQUIRE(per_cpu.size() == 1);
  CHECK(per_cpu[0]["key"] == 1);
  CHECK(per_cpu[0]["sum"] == all);
  CHECK(global_named(report, "mode") == "MODE_ON");
  CHECK(global_named(report, "answer") == 42);
  CHECK(global_named(report, "seen") == 22);
  CHECK(global_named(report, "port_table") == Json{80, 443, 0, 0});
  CHECK(global_named(report, "last_event") == Json{{"number", 8}, {"first", 1}, {"name", "drop"}});
  REQUIRE(report["events"].size() == 1);
  CHECK(report["events"][0]["count"] == 5);
  CHECK(report["events"][0]["records"][0] == Json{{"number", 4}, {"first", 1}, {"name", "drop"}});
  REQUIRE(report["trace"].size() == 5);
  CHECK(report["trace"][4] == "dropped packet 8 of mode 1");
}

TEST_CASE("run reads perf event arrays as it reads ring buffers") {
  const auto object = command::object("perf");
  if (!object) return;
  const std::vector<Packet> packets{{1, 2, packet_of(1)}, {1, 2, packet_of(2)}};
  const std::string capture = command::write_file("two.pcap", command::pcap_bytes(packets));
  const Json report = run_json({*object, "--pcap", capture, "--repeat", "5000", "--event", "samples=event"});
  CHECK(report["faults"]["count"] == 0);
  REQUIRE(report["events"].size() == 1);
  CHECK(report["events"][0]["map"] == "samples");
  CHECK(report["events"][0]["count"] == 10'000);  // more than a CPU's buffer holds
  CHECK(report["events"][0]["lost"] == 0);
  const auto length = packets[1].bytes.size();
  CHECK(report["events"][0]["records"][1] == Json{{"number", 2}, {"length", length}, {"tag", "frame"}});
  const auto wrong = command::skep({"run", *object, "--event", "last=event"});
  CHECK(wrong.err.find("no ring buffer or perf event array has this name") != std::string::npos);
}

TEST_CASE("run writes the packets that live on, as the program left them, with their times") {
  const auto object = command::object("verdicts");
  if (!object) return;
  std::vector<Packet> packets = mixed();
  packets.push_back({7, 8, packet_of(0xfe)});  // grows by four bytes in front
  const std::string capture = command::write_file("in.pcap", command::pcap_bytes(packets));
  const std::string out = command::scratch_path("out.pcap");
  const Json report = run_json({*object, "--pcap", capture, "--write", out, "--repeat", "3"});
  std::vector<Packet> expected;
  for (Packet packet : packets) {
    const int first = static_cast<unsigned char>(packet.bytes[0]);
    if (first == 3) packet.bytes[1] = static_cast<char>(0xee);
    if (first == 0xfe) packet.bytes.insert(0, 4, '\0');
    if (first >= 2 && first != 9) expected.push_back(packet);
  }
  CHECK(report["runs"] == 69);
  CHECK(report["written"] == expected.size());
  CHECK(command::pcap_packets(command::read_file(out)) == expected);
}

TEST_CASE("a capture that passes as a whole comes out byte for byte") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string bytes =
      command::pcap_bytes({{5, 999999, packet_of(2, 14)}, {6, 0, packet_of(2, 1500)}, {6, 1, packet_of(2, 9000)}});
  const std::string out = command::scratch_path("out.pcap");
  run_json({*object, "--pcap", command::write_file("in.pcap", bytes), "--write", out});
  CHECK(command::read_file(out) == bytes);
}

TEST_CASE("run fills maps and globals from JSON, in the form that it prints") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string first = R"([{"key": 2, "value": {"packets": 100, "bytes": "0x10"}},
                                {"key": "77", "value": "01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00"}])";
  const Json report = run_json(
      {*object, "--data", command::write_file("packet", packet_of(2)), "--map",
       "by_first=" + command::write_file("first.json", first), "--map",
       ".data=" + command::write_file("data.json", R"({"mode": "MODE_OFF", "port_table": [1, 2, 3]})"), "--map",
       "untyped=" +
           command::write_file("untyped.json", R"([{"key": 0, "value": 258}, {"key": 3, "value": [1,2,3,4,5,6,7,8]}])"),
       "--map", "per_cpu=" + command::write_file("cpu.json", R"([{"key": 0, "value": 5}])")});
  CHECK(map_named(report, "by_first") == Json::parse(R"([{"key": 2, "value": {"packets": 101, "bytes": 80}},
                                                         {"key": 77, "value": {"packets": 1, "bytes": 2}}])"));
  CHECK(map_named(report, "untyped") == Json::parse(R"([{"key": "00 00 00 00", "value": "02 01 00 00 00 00 00 00"},
                                                        {"key": "03 00 00 00", "value": "01 02 03 04 05 06 07 08"}])"));
  CHECK(global_named(report, "mode") == "MODE_OFF");
  const Json per_cpu = map_named(report, "per_cpu");
  for (const Json& value : per_cpu[0]["values"]) CHECK(value == 5);
  CHECK(per_cpu[1]["sum"] == 67);  // 64 bytes and port_table[2]

  const std::string again = command::write_file("again.json", map_named(report, "by_first").dump());
  const Json second =
      run_json({*object, "--data", command::write_file("packet", packet_of(9)), "--map", "by_first=" + again});
  CHECK(map_named(second, "by_first").size() == 3);
  CHECK(map_named(second, "by_first")[0] == map_named(report, "by_first")[0]);
}

TEST_CASE("program arrays take programs from the object and by name") {
  const auto object = command::object("several");
  if (!object) return;
  const std::string jumps = command::write_file("jumps.json", R"([{"key": 2, "value": "by_user"}])");
  for (const auto& [first, verdict] : std::map<int, std::string>{{0, "pass"}, {1, "tx"}, {2, "drop"}, {3, "pass"}}) {
    const Json report = run_json(
        {*object, "-p", "dispatch", "--map", "jumps=" + jumps, "--data", command::write_file("p", packet_of(first))});
    CHECK_MESSAGE(report["verdicts"][verdict]["packets"] == 1, first);
  }
}

TEST_CASE("programs that are not XDP run on raw bytes and give results by value") {
  const auto object = command::object("several");
  if (!object) return;
  const Json report = run_json({*object, "-p", "first_word", "--data",
                                command::write_file("word", std::string("\x2a\0\0\0\0", 5)), "--repeat", "10"});
  CHECK(report["results"] == Json::parse(R"([{"value": 42, "runs": 10}])"));
  CHECK_FALSE(report.contains("verdicts"));
}

TEST_CASE("faults are counted by kind, the first is explained, and the exit code is 3") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string capture = command::write_file(
      "in.pcap", command::pcap_bytes({{1, 0, packet_of(2)}, {2, 0, packet_of(0xff)}, {3, 0, packet_of(0xff)}}));
  const Json report = run_json({*object, "--pcap", capture}, 3);
  CHECK(report["faults"]["count"] == 2);
  CHECK(report["faults"]["kinds"] == Json{{"bad_load", 2}});
  CHECK(report["faults"]["first"]["run"] == 2);
  const std::string text = report["faults"]["first"]["text"];
  CHECK(text.find("load of 1 byte") != std::string::npos);
  CHECK(text.find("verdicts.bpf.c:") != std::string::npos);
  CHECK(report["verdicts"]["pass"]["packets"] == 1);

  const Json starved = run_json({*object, "--budget", "3"}, 3);
  CHECK(starved["faults"]["kinds"] == Json{{"budget", 1}});
}

TEST_CASE("map sizes can be set") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const Json report = run_json({*object, "--max-entries", "by_first=3"});
  for (const Json& map : report["maps"])
    if (map["name"] == "by_first") CHECK(map["max_entries"] == 3);
  CHECK(map_named(report, "by_first").size() == 1);
}
