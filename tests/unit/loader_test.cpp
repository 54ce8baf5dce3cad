// Programs out of objects that clang makes: what their sections say, which subprograms they take, what they ask for.
#include <doctest/doctest.h>

#include <algorithm>

#include "isa/table.hpp"
#include "support/objects.hpp"

namespace skep {
namespace {

using program::Need;

Result<loader::ObjectSpec> open(const std::optional<objects::Image>& image) {
  if (!image) return fail(ErrorCode::not_found, "test", "no image");
  return loader::parse_object(*image, "test.o");
}

std::vector<std::string> subprog_names(const program::Program& program) {
  std::vector<std::string> names;
  for (const auto& subprog : program.subprogs) names.push_back(subprog.name);
  return names;
}

TEST_CASE("a program carries its section's type, target and license") {
  const auto image = objects::compile("loader_needs.bpf.c");
  if (!image) return;
  const auto object = open(image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(object->name == "test.o");
  CHECK(object->license == "GPL");
  const auto* needy = objects::program(*object, "needy");
  REQUIRE(needy != nullptr);
  CHECK(needy->section == "raw_tp/sys_enter");
  CHECK(needy->type == ProgType::raw_tracepoint);
  CHECK(needy->attach_target == "sys_enter");
  CHECK(needy->license == "GPL");
  CHECK(needy->autoload);
  CHECK(object->notes.empty());
}

TEST_CASE("what a program expects of a kernel is named where it or its subprograms ask") {
  const auto image = objects::compile("loader_needs.bpf.c");
  if (!image) return;
  const auto object = open(image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const auto* needy = objects::program(*object, "needy");
  REQUIRE(needy != nullptr);
  const auto asks = [&](Need::Kind kind, std::string_view name) {
    return std::any_of(needy->needs.begin(), needy->needs.end(),
                       [&](const Need& need) { return need.kind == kind && need.name == name; });
  };
  CHECK(asks(Need::Kind::kconfig, "CONFIG_HZ"));
  CHECK(asks(Need::Kind::kfunc, "kernel_fn"));
  CHECK(asks(Need::Kind::ksym, "init_task"));
  CHECK(asks(Need::Kind::ksym, "bpf_prog_active"));
  CHECK(asks(Need::Kind::core_relocation, "task_struct::pid (byte_off)"));
  CHECK(asks(Need::Kind::core_relocation, "task_struct::load[1] (byte_off)"));
  CHECK(asks(Need::Kind::core_relocation, "mood::BAD (enumval_value)"));
  CHECK(asks(Need::Kind::core_relocation, "load (type_size)"));
  CHECK(needy->needs.size() == 8);
  CHECK(std::is_sorted(needy->needs.begin(), needy->needs.end(),
                       [](const Need& a, const Need& b) { return a.pc < b.pc; }));
  for (const Need& need : needy->needs) CHECK(isa::decode(needy->insns[need.pc]).has_value());
  CHECK(objects::program(*object, "content")->needs.empty());
}

TEST_CASE("subprograms follow the program that reaches them, each once, in the order of the calls") {
  const auto image = objects::compile("loader_calls.bpf.c");
  if (!image) return;
  const auto object = open(image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(object->programs.size() == 3);
  using Names = std::vector<std::string>;
  CHECK(subprog_names(*objects::program(*object, "first")) ==
        Names{"first", "unused_by_second", "leaf", "shared", "each_step", "each_entry"});
  CHECK(subprog_names(*objects::program(*object, "second")) == Names{"second", "shared", "leaf", "each_step"});
  CHECK(subprog_names(*objects::program(*object, "third")) == Names{"third", "leaf"});
  for (const auto& program : object->programs) {
    std::uint32_t next = 0;
    for (const auto& subprog : program->subprogs) {
      CHECK(subprog.start == next);
      next = subprog.end;
    }
    CHECK(next == program->insns.size());
    CHECK(isa::check(program->insns).has_value());
  }
}

TEST_CASE("functions that other objects do not see are local, whatever their linkage") {
  const auto image = objects::compile_text("seen.c", R"(
#define NOINLINE __attribute__((noinline))
NOINLINE int seen(int x) { asm volatile("" ::: "memory"); return x; }
NOINLINE __attribute__((visibility("hidden"))) int hidden(int x) { asm volatile("" ::: "memory"); return x + 1; }
static NOINLINE int local(int x) { asm volatile("" ::: "memory"); return x + 2; }
__attribute__((section("xdp"))) int entry(int *ctx) { return seen(1) + hidden(2) + local(3); }
)");
  if (!image) return;
  const auto object = open(image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  const auto* entry = objects::program(*object, "entry");
  REQUIRE(entry != nullptr);
  for (const auto& subprog : entry->subprogs)
    CHECK(subprog.local == (subprog.name == "hidden" || subprog.name == "local"));
  CHECK(entry->subprogs.size() == 4);
}

TEST_CASE("an exception callback comes behind what its program calls, unless that is the callback") {
  const auto image = objects::compile("loader_exceptions.bpf.c");
  if (!image) return;
  const auto object = open(image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  using Names = std::vector<std::string>;
  const auto names = [&](std::string_view program) { return subprog_names(*objects::program(*object, program)); };
  CHECK(names("throws") == Names{"throws", "on_throw", "leaf"});
  CHECK(names("calls_leaf_first") == Names{"calls_leaf_first", "leaf", "on_throw"});
  CHECK(names("calls_it") == Names{"calls_it", "on_throw", "leaf"});
  CHECK(names("cannot_choose") == Names{"cannot_choose"});
  CHECK(names("has_none") == Names{"has_none"});
  for (const char* program : {"throws", "calls_leaf_first", "calls_it", "cannot_choose", "has_none"})
    CHECK(objects::program(*object, program)->defect.empty());
  CHECK(objects::program(*object, "misses")->defect ==
        "exception callback \"nowhere\" is no global function of section .text");
  CHECK(objects::program(*object, "cannot_see")->defect ==
        "exception callback \"unseen\" is no global function of section .text");
}

TEST_CASE("a question mark before a section's name keeps its programs from being loaded unasked") {
  const auto image = objects::compile("loader_calls.bpf.c");
  if (!image) return;
  const auto object = open(image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK_FALSE(objects::program(*object, "third")->autoload);
  CHECK(objects::program(*object, "third")->type == ProgType::xdp);
  CHECK(objects::program(*object, "first")->autoload);
}

TEST_CASE("rules of the application say what sections are that libbpf does not know") {
  const auto image = objects::compile_text("rules.c", R"(
#define SECTION(name) __attribute__((section(name), used))
SECTION("acme") int exact(void) { return 0; }
SECTION("acme/eth0") int target(void) { return 0; }
SECTION("?bolt/a") int bolt_a(void) { return 0; }
SECTION("bolt") int bolt_whole(void) { return 0; }
SECTION("nut/x") int nut_x(void) { return 0; }
SECTION("nut") int nut_whole(void) { return 0; }
SECTION("xdp") int known(void) { return 0; }
SECTION("xdp/later") int guessed(void) { return 0; }
)");
  if (!image) return;
  loader::Surroundings around;
  around.sections = {{"acme", ProgType::xdp, 37, false},
                     {"bolt+", ProgType::sched_cls, 46, true},
                     {"nut/", ProgType::sk_msg, 7, false},
                     {"xdp", ProgType::kprobe, 0, false}};
  const auto describe = [](const loader::ObjectSpec& object, std::string_view name) {
    const program::Program& program = *objects::program(object, name);
    return std::string(name_of(program.type)) + " " + std::to_string(program.expected_attach_type) + " " +
           program.attach_target + (program.sleepable ? " sleeps" : "");
  };
  const auto object = loader::parse_object(*image, "rules.o", {}, around);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  CHECK(describe(*object, "exact") == "xdp 37 ");
  CHECK(describe(*object, "target") == "unspec 0 ");
  CHECK(describe(*object, "bolt_a") == "sched_cls 46 a sleeps");
  CHECK_FALSE(objects::program(*object, "bolt_a")->autoload);
  CHECK(describe(*object, "bolt_whole") == "sched_cls 46  sleeps");
  CHECK(describe(*object, "nut_x") == "sk_msg 7 x");
  CHECK(describe(*object, "nut_whole") == "unspec 0 ");
  CHECK(describe(*object, "known") == "xdp 37 ");
  CHECK(describe(*object, "guessed") == "xdp 37 later");

  around.sections.insert(around.sections.begin(), {"", ProgType::syscall, 0, true});
  const auto any = loader::parse_object(*image, "rules.o", {}, around);
  REQUIRE(any.has_value());
  CHECK(describe(*any, "exact") == "xdp 37 ");
  CHECK(describe(*any, "target") == "syscall 0  sleeps");
  CHECK(describe(*any, "guessed") == "syscall 0  sleeps");
}

TEST_CASE("source lines follow their functions") {
  const auto image = objects::compile("loader_calls.bpf.c");
  if (!image) return;
  const auto object = open(image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  for (const auto& program : object->programs) {
    CHECK(std::is_sorted(program->lines.begin(), program->lines.end(),
                         [](const program::Line& a, const program::Line& b) { return a.pc <= b.pc; }));
    const auto leaf = std::find_if(program->subprogs.begin(), program->subprogs.end(),
                                   [](const program::Subprog& subprog) { return subprog.name == "leaf"; });
    REQUIRE(leaf != program->subprogs.end());
    const program::Line* line = program->line_at(leaf->start);
    REQUIRE(line != nullptr);
    CHECK(line->text.find("x * 7") != std::string::npos);
    CHECK(line->file.find("loader_calls.bpf.c") != std::string::npos);
    CHECK(line->line > 0);
  }
}

TEST_CASE("code that is all in .text is taken for programs, with a note") {
  const auto image = objects::compile_text("plain.c", "int entry(void *ctx) { return 7; }");
  if (!image) return;
  const auto object = open(image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  REQUIRE(object->programs.size() == 1);
  CHECK(object->programs[0]->name == "entry");
  CHECK(object->programs[0]->type == ProgType::unspec);
  CHECK(object->notes.size() == 1);
}

TEST_CASE("functions without type or size reach to the next one") {
  const auto image = objects::compile_text("bare.S", R"(
.section socket,"ax",@progbits
.globl one
one:
  r0 = 1
  call two
  exit
.globl two
two:
  r0 = 2
  exit
)");
  if (!image) return;
  const auto object = open(image);
  REQUIRE_MESSAGE(object.has_value(), object.error().message());
  REQUIRE(object->programs.size() == 2);
  CHECK(object->programs[0]->subprogs.size() == 2);
  CHECK(object->programs[0]->insns.size() == 5);
  CHECK(object->programs[1]->insns.size() == 2);
  CHECK(object->notes.size() == 2);
}

}  // namespace
}  // namespace skep
