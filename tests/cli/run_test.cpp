// What `skep run` prints for people, exactly, but for the times.
#include <regex>

#include <doctest/doctest.h>

#include "cli/command.hpp"

using namespace skep;
using command::Packet;

namespace {

/// Numbers that change from run to run, replaced: times, the thread and the CPU.
std::string steady(std::string text) {
  text = std::regex_replace(text, std::regex(R"( in [0-9.]+ \S+, [0-9.]+ \S+ each)"), " in T");
  text = std::regex_replace(text, std::regex(R"( +skep-\d+ +\[\d+\] \S+ +\d+\.\d{6}: )"), "TRACE ");
  return std::regex_replace(text, std::regex(R"(cpu\d+=)"), "cpuN=");
}

std::string packet_of(int first, std::size_t bytes = 64) {
  std::string packet(bytes, '\0');
  packet[0] = static_cast<char>(first);
  return packet;
}

}  // namespace

TEST_CASE("run prints verdicts, maps, events, globals and what was written, readable at a glance") {
  const auto object = command::object("verdicts");
  if (!object) return;
  std::vector<Packet> packets(3, {1, 2, packet_of(2, 1000)});
  packets.push_back({1, 2, packet_of(1)});
  packets.push_back({1, 2, packet_of(4)});
  const std::string capture = command::write_file("look.pcap", command::pcap_bytes(packets));
  const std::string out = command::scratch_path("out.pcap");
  const auto outcome = command::skep({"run", *object, "--pcap", capture, "--event", "events=event", "--write", out});
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  CHECK(steady(outcome.out) == R"(verdicts  xdp from verdicts.bpf.o on look.pcap
TRACE bpf_trace_printk: dropped packet 4 of mode 1

  verdict   packets            bytes
  pass            3  60.0 %  3.00 kB
  drop            1  20.0 %     64 B
  redirect        1  20.0 %     64 B
  total           5          3.13 kB

  redirect to ifindex 7: 1 packet

map per_cpu  percpu_array, 1 of 2 entries not zero
  key  value  per CPU
    1   3128  cpuN=3128

map untyped  array, 4 entries, all zero

map by_first  hash, 3 of 16 entries
  key  packets  bytes
    1        1     64
    2        3   3000
    4        1     64

events events  ring buffer, 1 record
  number  first  name
       4      1  "drop"

globals
  mode        = MODE_ON                         .data
  port_table  = [80 443 0 0]                    .data
  answer      = 42                              .rodata
  seen        = 5                               .bss
  last_event  = {number=4 first=1 name="drop"}  .bss

5 packets in T; 4 packets written to )" +
                                   out + "\n");
}

TEST_CASE("global variables are set before the object is loaded, constants included") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string packet = command::write_file("packet", packet_of(1));
  const std::string file = command::write_file("rodata.json", R"({"answer": 7})");
  const auto set = command::skep({"run", *object, "--data", packet, "--global", "answer=0x10", "--global",
                                  "port_table=[1, 2]", "--global", "mode=MODE_OFF"});
  CAPTURE(set.err);
  CHECK(set.out.find("  answer      = 16 ") != std::string::npos);
  CHECK(set.out.find("  port_table  = [1 2 0 0] ") != std::string::npos);
  CHECK(command::skep({"run", *object, "--data", packet, "--map", ".rodata=" + file}).out.find("  answer      = 7 ") !=
        std::string::npos);
  CHECK(command::skep({"run", *object, "--data", packet, "--global", "ghost=1"}).code == 2);
  const auto unfit = command::skep({"run", *object, "--data", packet, "--global", "answer=[1]"});
  CHECK(unfit.code == 4);
  CHECK(unfit.err.find("--global: answer") != std::string::npos);
}

TEST_CASE("run explains the first fault and goes on") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string capture = command::write_file(
      "in.pcap", command::pcap_bytes({{1, 0, packet_of(2)}, {2, 0, packet_of(0xff)}, {3, 0, packet_of(2)}}));
  const auto outcome = command::skep({"run", *object, "--pcap", capture});
  CHECK(outcome.code == 3);
  CHECK(outcome.out.find("\nfaults  1 bad_load\n  packet 2: insn ") != std::string::npos);
  CHECK(outcome.out.find("  pass           2  66.7 %") != std::string::npos);
}

TEST_CASE("records of a perf event array print as those of a ring buffer") {
  const auto object = command::object("perf");
  if (!object) return;
  const auto outcome = command::skep({"run", *object, "--event", "samples=event"});
  CHECK(outcome.out.find("events samples  perf event array, 1 record\n"
                         "  number  length  tag\n"
                         "       1      64  \"frame\"\n") != std::string::npos);
}

TEST_CASE("long maps and many events are cut, --all shows them") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string packet = command::write_file("packet", packet_of(1));
  const std::vector<std::string> arguments{"run", *object, "--data", packet, "--repeat", "30"};
  const auto outcome = command::skep(arguments);
  CHECK(outcome.out.find("on packet, 30 times\n") != std::string::npos);
  CHECK(outcome.out.find("  … 26 more; --all shows them, --event events=TYPE their members\n") != std::string::npos);
  CHECK(outcome.out.find("     16 B  01 00 00 00 01 64 72 6f 70 00 00 00 00 00 00 00  |.....drop.......|\n") !=
        std::string::npos);
  auto typed = arguments;
  typed.insert(typed.end(), {"--event", "events=event"});
  CHECK(command::skep(typed).out.find("  … 10 more; --all shows them\n") != std::string::npos);
  typed.emplace_back("--all");
  const auto all = command::skep(typed);
  CHECK(all.out.find("more") == std::string::npos);
  CHECK(all.out.find("      30      1  \"drop\"\n") != std::string::npos);
  CHECK(all.out.find("map untyped  array, 4 of 4 entries\n") != std::string::npos);
}

TEST_CASE("without input an XDP program gets 64 zero bytes, others nothing") {
  const auto verdicts = command::object("verdicts");
  const auto several = command::object("several");
  if (!verdicts || !several) return;
  CHECK(command::skep({"run", *verdicts}).out.find("  aborted        1  100.0 %   64 B\n") != std::string::npos);
  CHECK(command::skep({"run", *several, "-p", "first_word"}).code == 3);  // r1 is null
  const std::string data = command::write_file("data", std::string("\x07\0\0\0", 4));
  CHECK(command::skep({"run", *several, "-p", "first_word", "--data", data}).out.find("\n  r0 = 7 (0x7)\n") !=
        std::string::npos);
  CHECK(command::skep({"run", *several, "-p", "first_word", "--data", "-"}, "\x08\x01").code == 3);
  CHECK(command::skep({"run", "-", "-p", "first_word", "--data", data}, command::read_file(*several))
            .out.starts_with("first_word  socket_filter from standard input on data\n"));
}

TEST_CASE("captures can come through a pipe, once") {
  const auto object = command::object("verdicts");
  if (!object) return;
  const std::string capture = command::pcap_bytes({{1, 0, packet_of(2)}});
  CHECK(command::skep({"run", *object, "--pcap", "-"}, capture).out.find("  pass           1") != std::string::npos);
  CHECK(command::skep({"run", *object, "--pcap", "-", "--repeat", "2"}, capture).code == 2);
}

TEST_CASE("unguarded runs give what guarded runs give, on raw bytes and on packets") {
  const auto several = command::object("several");
  if (!several) return;
  const std::string data = command::write_file("data", std::string("\x07\0\0\0", 4));
  for (const std::vector<std::string>& run :
       {std::vector<std::string>{"run", *several, "-p", "first_word", "--data", data},
        {"run", *several, "-p", "by_user"}}) {
    std::vector<std::string> bare = run;
    bare.push_back("--unguarded");
    const auto guarded = command::skep(run);
    const auto unguarded = command::skep(bare);
    CHECK(unguarded.code == guarded.code);
    std::string text = steady(unguarded.out);
    const auto said = text.find(", unguarded");
    REQUIRE(said != std::string::npos);
    CHECK(text.erase(said, 11) == steady(guarded.out));
  }
}

TEST_CASE("a verified run gives what a guarded one gives, in either engine; what is refused is not run") {
  const auto object = command::object("mistakes");
  if (!object) return;
  const std::vector<std::string> plain{"run", *object, "-p", "checked_lookup", "--pcap", "-"};
  const std::string capture = command::pcap_bytes({{1, 0, packet_of(2)}});
  const std::string guarded = steady(command::skep(plain, capture).out);
  const std::pair<std::string, std::string> ways[] = {{"--verify", ", verified"},
                                                      {"--enforce", ", verified and guarded"}};
  for (const auto& [flag, said] : ways)
    for (const std::string engine : {"best", "interpreter"}) {
      std::vector<std::string> args = plain;
      args.insert(args.end(), {flag, "--engine", engine});
      const auto run = command::skep(args, capture);
      CAPTURE(run.err);
      CHECK(run.code == 0);
      std::string text = steady(run.out);
      const auto at = text.find(said);
      REQUIRE(at != std::string::npos);
      CHECK(text.erase(at, said.size()) == guarded);
    }
  const auto refused = command::skep({"run", *object, "-p", "unchecked_packet", "--verify"});
  CHECK(refused.code == 1);
  CHECK(refused.err.find("packet") != std::string::npos);
  CHECK(command::skep({"run", *object, "-p", "checked_lookup", "--verify", "--unguarded"}).code == 2);
}

TEST_CASE("run takes externs from a configuration and from the command line, which wins") {
  const auto object = command::object("configured");
  if (!object) return;
  const std::string config = command::write_file("config", "CONFIG_NUMBER=5\nCONFIG_TEXT=\"abc\"\n");
  const auto both = command::skep({"run", *object, "--kconfig", config, "--extern", "CONFIG_NUMBER=-0x10", "--extern",
                                   "symbol=1000", "--extern", "CONFIG_TEXT=\"1\""});
  CAPTURE(both.err);
  CHECK(both.code == 0);
  CHECK(both.out.find(std::to_string(1000 - 16 + '1')) != std::string::npos);
  CHECK(both.out.find("CONFIG_TEXT    = \"1\"") != std::string::npos);

  const auto neither = command::skep({"run", *object, "--kconfig", ""});
  CHECK(neither.code == 1);
  CHECK(neither.err.find("CONFIG_NUMBER") != std::string::npos);
  CHECK(command::skep({"run", *object, "--kconfig", "/no/such/file"}).code == 4);
  const auto unfit = command::skep({"run", *object, "--kconfig", config, "--extern", "CONFIG_NUMBER=text"});
  CHECK(unfit.code != 0);
  CHECK(unfit.err.find("extern CONFIG_NUMBER: the value is \"text\", the variable an integer") != std::string::npos);
}
