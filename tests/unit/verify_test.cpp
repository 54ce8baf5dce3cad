// The verifier as applications meet it.
#include <skep/verify.hpp>

#include <doctest/doctest.h>

#include <skep/skep.hpp>

namespace skep {
namespace {

Verdict verdict_on(const Object& object, const char* name) {
  const auto program = object.program(name);
  REQUIRE(program);
  return verify(*program);
}

Object mistakes() {
  auto object = Object::load_file(SKEP_VERIFY_OBJECT);
  REQUIRE(object);
  return std::move(*object);
}

TEST_CASE("a common mistake is refused with its code, its source line and what to do; its mended twin is accepted") {
  struct Pair {
    const char *wrong, *right, *code, *line;
  };
  const Object object = mistakes();
  for (const Pair& pair : {Pair{"unchecked_packet", "checked_packet", "packet_out_of_bounds", "data[12]"},
                           Pair{"unchecked_lookup", "checked_lookup", "access_or_null", "*value += 1"},
                           Pair{"leaked_record", "submitted_record", "reference_leak", "}"}}) {
    CAPTURE(pair.wrong);
    const Verdict wrong = verdict_on(object, pair.wrong);
    REQUIRE(!wrong.ok());
    const Problem& problem = wrong.problems().front();
    CHECK(problem.code == pair.code);
    CHECK(!problem.unsupported);
    CHECK(problem.source.find(pair.line) != std::string::npos);
    CHECK(!problem.suggestion.empty());
    CHECK(wrong.explain().find(problem.message) != std::string::npos);

    const Verdict right = verdict_on(object, pair.right);
    CHECK(right.explain() == "");
    CHECK(right.stats().processed > 0);
  }
}

TEST_CASE("constants of the object are known to the verifier, and only once they cannot change") {
  CHECK(verdict_on(mistakes(), "mistake_behind_constant").ok());
  auto open = OpenObject::open_file(SKEP_VERIFY_OBJECT);
  REQUIRE(open);
  const auto debug = open->variable("debug");
  REQUIRE(debug);
  const int on = 1;
  REQUIRE(debug->write(std::as_bytes(std::span(&on, 1))));
  const auto object = open->load();
  REQUIRE(object);
  CHECK(!verdict_on(*object, "mistake_behind_constant").ok());
}

TEST_CASE("raw instructions are judged, too") {
  const auto program = Program::from_insns(std::vector<Insn>{{0xb7, 0, 0, 0, 7}, {0x95, 0, 0, 0, 0}}, ProgType::xdp);
  REQUIRE(program);
  CHECK(verify(*program).ok());
  const auto empty = Program::from_insns(std::vector<Insn>{{0x95, 0, 0, 0, 0}}, ProgType::xdp);
  REQUIRE(empty);
  const Verdict verdict = verify(*empty);
  REQUIRE(!verdict.ok());
  CHECK(verdict.problems().front().code == "register_uninitialized");
}

TEST_CASE("a user without capabilities may not load what turns pointers into numbers") {
  // r0 = r1; exit
  const auto program =
      Program::from_insns(std::vector<Insn>{{0xbf, 0, 1, 0, 0}, {0x95, 0, 0, 0, 0}}, ProgType::socket_filter);
  REQUIRE(program);
  CHECK(verify(*program).ok());
  VerifyOptions unprivileged;
  unprivileged.bpf = unprivileged.perfmon = false;
  const Verdict verdict = verify(*program, unprivileged);
  REQUIRE(!verdict.ok());
  CHECK(verdict.problems().front().code == "pointer_leak");
}

TEST_CASE("a program of no kernel's type is not judged rather than refused") {
  const auto program = Program::from_insns(std::vector<Insn>{{0xb7, 0, 0, 0, 7}, {0x95, 0, 0, 0, 0}});
  REQUIRE(program);
  const Verdict verdict = verify(*program);
  REQUIRE(!verdict.ok());
  CHECK(verdict.problems().front().unsupported);
}

}  // namespace
}  // namespace skep
