// The public face: objects, programs, maps and executables as an application uses them.
#include <doctest/doctest.h>

#include <skep/skep.hpp>

#include <atomic>
#include <optional>

#include "support/objects.hpp"

using namespace skep;

namespace {

std::optional<Object> api_object(const ObjectOptions& options = {}) {
  const auto image = objects::compile("api_object.bpf.c");
  if (!image) return std::nullopt;
  auto object = Object::load(*image, "api_object.bpf.o", options);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  return *object;
}

Executable build(const Object& object, std::string_view name, const BuildOptions& options = {}) {
  const auto program = object.program(name);
  REQUIRE_MESSAGE(program.has_value(), program.error().message());
  auto executable = Executable::build(*program, options);
  REQUIRE_MESSAGE(executable.has_value(), executable.error().message());
  return *executable;
}

}  // namespace

TEST_CASE("a compiled object opens, runs, and leaves its maps and globals as the program changed them") {
  const auto object = api_object();
  if (!object) return;
  CHECK(object->license() == "GPL");
  CHECK(object->programs().size() == 7);
  const Executable count = build(*object, "count");
  XdpPacket packet(std::vector<std::byte>(64), {.ingress_ifindex = 9});
  CHECK(count.run(packet).value == 43);
  CHECK(count.run(packet).value == 46);
  const auto seen = object->map("seen");
  REQUIRE(seen);
  const auto hits = seen->lookup<std::uint64_t>(9u);
  REQUIRE(hits);
  CHECK(*hits == 2);
  CHECK(*object->map(".data")->lookup<std::int32_t>(0u) == 46);
}

TEST_CASE("a name that is not there is refused with those that are") {
  const auto object = api_object();
  if (!object) return;
  CHECK(
      object->program("nope").error().message() ==
      "api_object.bpf.o: has no program nope; it has: count, first, second, endless, wants_stacks, faults, other_type");
  CHECK(object->map("nope").error().code == ErrorCode::not_found);
}

TEST_CASE("tail calls reach what the application put in, 33 at most, and only programs of one type go in") {
  const auto object = api_object();
  if (!object) return;
  const auto jumps = object->map("jumps");
  REQUIRE(jumps);
  XdpPacket packet(std::vector<std::byte>(64));
  const Executable first = build(*object, "first");
  CHECK(first.run(packet).value == 100);
  REQUIRE(build(*object, "second").put_into(*jumps, 0));
  CHECK(first.run(packet).value == 200);
  const Executable endless = build(*object, "endless");
  REQUIRE(endless.put_into(*jumps, 1));
  CHECK(endless.run(packet).value == 40 + 34);
  CHECK(endless.put_into(*jumps, 2).error().sys == E2BIG);
  CHECK(build(*object, "other_type").put_into(*jumps, 0).error().sys == EINVAL);
  CHECK(endless.put_into(*object->map("seen"), 0).error().sys == EINVAL);
}

TEST_CASE("a proof says little of how long a program runs: it is stopped all the same") {
  const auto image = objects::compile("api_alone.bpf.c");
  if (!image) return;
  const auto object = Object::load(*image, "api_alone.bpf.o");
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  for (const char* name : {"loops", "calls", "copies"}) {
    const Verdict verdict = verify(*object->program(name));
    REQUIRE_MESSAGE(verdict.ok(), verdict.explain());
    for (const Engine engine : {Engine::best, Engine::interpreter})
      for (const bool metered : {false, true}) {
        const auto executable = Executable::build(*verdict.verified(), {.engine = engine, .metered = metered});
        REQUIRE(executable);
        const std::atomic<bool> stop = true;
        XdpPacket packet(std::vector<std::byte>(64));
        CHECK_MESSAGE(executable->run(packet, {.stop = &stop}).fault_kind() == FaultKind::stopped, std::string(name));
      }
  }
}

TEST_CASE("an executable keeps working when the object it came from is gone, tail calls included") {
  std::optional<Executable> first;
  {
    const auto object = api_object();
    if (!object) return;
    first = build(*object, "first");
    REQUIRE(build(*object, "second").put_into(*object->map("jumps"), 0));
    REQUIRE(first->put_into(*object->map("jumps"), 1));  // a cycle: the leak checker says whether it is let go
  }
  XdpPacket packet(std::vector<std::byte>(64));
  CHECK(first->run(packet).value == 200);
}

TEST_CASE("a map of a kind skep lacks keeps only the programs that use it from being built") {
  const auto object = api_object();
  if (!object) return;
  const auto stacks = object->map("stacks");
  REQUIRE(stacks);
  CHECK(stacks->spec().value_size == 1016);
  CHECK_FALSE(stacks->next_key({}).has_value());
  const auto refused = Executable::build(*object->program("wants_stacks"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message().find("uses map stacks of type stack_trace, which skep does not have yet") !=
        std::string::npos);
}

TEST_CASE("sizes may be set before the maps are made, and all maps together stay within a limit") {
  const auto object = api_object({.max_entries = {{"seen", 100}}});
  if (!object) return;
  CHECK(object->map("seen")->spec().max_entries == 100);
  const auto image = objects::compile("api_object.bpf.c");
  const auto unknown = Object::load(*image, "o", {.max_entries = {{"nope", 1}}});
  CHECK(unknown.error().message() == "max_entries: the object has no map nope");
  const auto too_large = Object::load(*image, "o", {.max_map_bytes = 64 << 10, .max_entries = {{"seen", 1u << 20}}});
  REQUIRE_FALSE(too_large.has_value());
  CHECK(too_large.error().sys == ENOMEM);
}

TEST_CASE("a fault names the source line") {
  const auto object = api_object();
  if (!object) return;
  const Executable faults = build(*object, "faults");
  XdpPacket packet(std::vector<std::byte>(64));
  const RunResult result = faults.run(packet);
  CHECK(result.fault_kind() == FaultKind::bad_load);
  const std::string text = faults.explain(result.fault);
  CHECK(text.find("at byte 4000 of packet, which has bytes 0 to 63") != std::string::npos);
  CHECK(text.find("api_object.bpf.c:67: return data[4000];") != std::string::npos);
}

TEST_CASE("with a host that answers the same, a run gives the same") {
  struct StillHost final : Host {
    std::uint64_t now_ns(Clock) noexcept override { return 42; }
    std::uint64_t jiffies() noexcept override { return 1; }
    std::uint32_t random_u32() noexcept override { return 7; }
    Task task() noexcept override { return {}; }
    unsigned cpu_count() noexcept override { return 1; }
    unsigned acquire_cpu() noexcept override { return 0; }
    void release_cpu(unsigned) noexcept override {}
    unsigned numa_node(unsigned) noexcept override { return 0; }
    bool read_memory(MemorySpace, std::uint64_t, std::span<std::byte>) noexcept override { return false; }
    void trace(const TraceLine&) noexcept override {}
  };
  const std::array insns{Insn(0x85, 0, 0, 0, 5), Insn(0xbf, 6, 0, 0, 0), Insn(0x85, 0, 0, 0, 7), Insn(0x0f, 0, 6, 0, 0),
                         Insn(0x95, 0, 0, 0, 0)};  // ktime_get_ns + get_prandom_u32
  const auto program = Program::from_insns(insns);
  REQUIRE(program);
  const auto executable = Executable::build(*program, {.host = std::make_shared<StillHost>()});
  REQUIRE(executable);
  RawContext context;
  CHECK(executable->run(context).value == 49);
}

TEST_CASE("what is no object is refused with a reason, from memory and from files") {
  const std::array<std::byte, 3> junk{};
  CHECK_FALSE(Object::load(junk).has_value());
  CHECK(Object::load_file("/nonexistent.o").error().code == ErrorCode::io);
  CHECK(Object::load_file("/").error().sys == EISDIR);
}
