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

TEST_CASE("an explanation has the path as source lines with values, and names the check to write") {
  const auto program = mistakes().program("unchecked_lookup");
  REQUIRE(program);
  const std::vector<Problem> problems = explain(*program);
  REQUIRE(problems.size() == 1);
  const Problem& problem = problems.front();
  CHECK(problem.suggestion == "the look-up in counts may find nothing: if (!value) return …;");
  REQUIRE(problem.path.size() >= 2);
  CHECK(problem.path.front().source.find("bpf_map_lookup_elem(&counts, &key)") != std::string::npos);
  CHECK(problem.path.front().note == "bpf_map_lookup_elem returns r0 = map_value of counts (8 bytes) or null");
  CHECK(problem.path.back().pc == problem.pc);
  CHECK(problem.path.back().source == problem.source);
  const std::string text = verify(*program).explain();
  CHECK(text == explain_text(problems));
  for (const ProblemStep& step : problem.path) CHECK(text.find(step.note) != std::string::npos);
  CHECK(explain(*mistakes().program("checked_lookup")).empty());
}

TEST_CASE("each branch's mistake is explained, the first is the verdict's") {
  const auto program = mistakes().program("several_mistakes");
  REQUIRE(program);
  const Verdict verdict = verify(*program);
  REQUIRE(verdict.problems().size() == 1);
  const std::vector<Problem> problems = explain(*program);
  CHECK(problems.size() == 3);
  CHECK(problems.front().code == verdict.problems().front().code);
  CHECK(problems.front().pc == verdict.problems().front().pc);
  CHECK(explain(*program, {}, 2).size() == 2);
}

TEST_CASE("the log of a verification has the source lines, a profile every instruction that was reached") {
  const auto program = mistakes().program("checked_packet");
  REQUIRE(program);
  std::string log;
  write_verifier_log(*program, {}, 2, [&](std::string_view text) { log += text; });
  CHECK_MESSAGE(log.find("; if (data + 13 > (unsigned char*)(long)ctx->data_end) return XDP_DROP; @ mistakes.bpf.c:") !=
                    std::string::npos,
                log);
  const std::vector<InsnProfile> profile = profile_verification(*program);
  CHECK(profile.size() == program->insns().size());
  std::uint64_t processed = 0;
  for (const InsnProfile& row : profile) processed += row.processed + row.covered;
  CHECK(processed == verify(*program).stats().processed);
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
