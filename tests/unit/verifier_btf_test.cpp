// Typed programs against a small kernel: what lies where in its structs, what its functions' arguments are, and which
// programs may do what with them.
#include <doctest/doctest.h>

#include <optional>
#include <utility>
#include <vector>

#include "support/btf_builder.hpp"
#include "verifier/access/struct_walk.hpp"
#include "verifier/cfg/target.hpp"
#include "verifier/facts.hpp"
#include "verifier/input.hpp"
#include "verifier/state/register.hpp"

namespace skep::verifier {
namespace {

using btf::Kind;
using btf::TypeId;
using testing::BtfBuilder;
using How = FieldAt::Kind;

/// struct inner { u64 a; struct leaf *leaf; }
/// struct flags { u32 x : 3; u32 y : 13; u16 rest }
/// struct outer { inner first; u32 number; (4 bytes of nothing) inner rows[2][2]; union { u64 raw; leaf *either };
///                leaf __rcu *rcu; leaf __user *user; flags bits; u8 bytes[4]; leaf __rcu *later; inner tail[]; }
struct Kernel {
  BtfBuilder builder;
  TypeId u8, u16, u32, u64, leaf, inner, outer, either, flags;
  std::shared_ptr<const btf::Btf> types;

  Kernel() {
    u8 = builder.integer("u8", 1);
    u16 = builder.integer("u16", 2);
    u32 = builder.integer("u32", 4);
    u64 = builder.integer("u64", 8);
    leaf = builder.structure("leaf", 8, {{"value", u64, 0}});
    const TypeId to_leaf = builder.ref(Kind::ptr, leaf);
    inner = builder.structure("inner", 16, {{"a", u64, 0}, {"leaf", to_leaf, 64}});
    const TypeId row = builder.array(inner, 2);
    const TypeId rows = builder.array(row, 2);
    either = builder.composite(Kind::union_, "", 8, {{"raw", u64, 0}, {"either", to_leaf, 0}});
    const TypeId rcu = builder.ref(Kind::ptr, builder.ref(Kind::type_tag, leaf, "rcu"));
    const TypeId user = builder.ref(Kind::ptr, builder.ref(Kind::type_tag, leaf, "user"));
    flags =
        builder.composite(Kind::struct_, "flags", 4, {{"x", u32, 0, 3}, {"y", u32, 3, 13}, {"rest", u16, 16}}, true);
    const TypeId bytes = builder.array(u8, 4);
    const TypeId tail = builder.array(inner, 0);
    outer = builder.structure("outer", 128,
                              {{"first", inner, 0},
                               {"number", u32, 16 * 8},
                               {"rows", rows, 24 * 8},
                               {"", either, 88 * 8},
                               {"rcu", rcu, 96 * 8},
                               {"user", user, 104 * 8},
                               {"bits", flags, 112 * 8},
                               {"bytes", bytes, 116 * 8},
                               {"later", rcu, 120 * 8},
                               {"tail", tail, 128 * 8}});
    const TypeId to_outer = builder.ref(Kind::ptr, outer);
    const TypeId nothing = builder.ref(Kind::ptr, 0);
    // int work(struct outer *, u32, void *)
    const TypeId work =
        builder.add("", BtfBuilder::info(Kind::func_proto, 3), u32,
                    {builder.string("o"), to_outer, builder.string("n"), u32, builder.string("p"), nothing});
    builder.add("work", BtfBuilder::info(Kind::func), work);
    // typedef void (*btf_trace_beat)(void *, struct outer *, u8)
    const TypeId beat = builder.add("", BtfBuilder::info(Kind::func_proto, 3), 0, {0, nothing, 0, to_outer, 0, u8});
    builder.ref(Kind::typedef_, builder.ref(Kind::ptr, beat), "btf_trace_beat");
    builder.structure("outer__safe_trusted", 8, {{"rcu", to_leaf, 0}});
    auto parsed = builder.parse();
    REQUIRE(parsed);
    types = *parsed;
  }

  [[nodiscard]] How at(std::uint32_t offset, std::uint32_t bytes) const {
    return field_at(*types, outer, offset, bytes).kind;
  }
};

/// A program of type tracing; loads and stores are 8 bytes unless said otherwise.
struct Typed {
  program::Program program;
  explicit Typed(std::vector<Insn> insns, std::uint32_t attach, std::string target, std::string license = "GPL") {
    program.type = ProgType::tracing;
    program.expected_attach_type = attach;
    program.attach_target = std::move(target);
    program.license = std::move(license);
    program.insns = std::move(insns);
    program.subprogs = {{"entry", 0, static_cast<std::uint32_t>(program.insns.size())}};
  }
  [[nodiscard]] std::string verdict(const Kernel& kernel) const {
    Input input;
    input.program = &program;
    input.kernel_types = kernel.types.get();
    const Report report = verify(input);
    return report.accepted() ? "accepted" : std::string(name_of(report.findings.front().code));
  }
  /// Of an access in a program that is accepted.
  [[nodiscard]] std::optional<Extent> region(const Kernel& kernel, std::uint32_t pc) const {
    Input input;
    input.program = &program;
    input.kernel_types = kernel.types.get();
    input.options.facts = true;
    const Report report = verify(input);
    REQUIRE(report.accepted());
    return report.facts->at(pc).region.extent();
  }
};

constexpr std::uint32_t kRawTp = 23, kFentry = 24, kFexit = 25;

Insn insn(std::uint8_t opcode, unsigned dst, unsigned src, std::int16_t off, std::int32_t imm) {
  Insn made{};
  made.opcode = opcode;
  made.dst = static_cast<std::uint8_t>(dst);
  made.src = static_cast<std::uint8_t>(src);
  made.off = off;
  made.imm = imm;
  return made;
}
Insn load(unsigned dst, unsigned src, std::int16_t off) { return insn(0x79, dst, src, off, 0); }
Insn load_word(unsigned dst, unsigned src, std::int16_t off) { return insn(0x61, dst, src, off, 0); }
Insn store(unsigned dst, std::int16_t off) { return insn(0x7a, dst, 0, off, 0); }
Insn zero() { return insn(0xb7, 0, 0, 0, 0); }
Insn leave() { return insn(0x95, 0, 0, 0, 0); }

TEST_CASE("a walk finds numbers and pointers in nested structs and arrays of arrays") {
  const Kernel kernel;
  CHECK(kernel.at(0, 8) == How::number);
  CHECK(kernel.at(16, 4) == How::number);
  for (const std::uint32_t row : {24u, 40u, 56u, 72u}) {
    CHECK(kernel.at(row, 8) == How::number);
    CHECK(kernel.at(row + 8, 8) == How::pointer);
  }
  const FieldAt leaf = field_at(*kernel.types, kernel.outer, 8, 8);
  CHECK(leaf.kind == How::pointer);
  CHECK(leaf.type == kernel.leaf);
  CHECK(leaf.name == "leaf");
  CHECK_FALSE(leaf.in_union);
}

TEST_CASE("a walk finds nothing in padding, across fields and in part of a pointer") {
  const Kernel kernel;
  CHECK(kernel.at(20, 4) == How::missing);
  CHECK(kernel.at(16, 8) == How::missing);
  CHECK(kernel.at(8, 4) == How::part);
  CHECK(kernel.at(12, 4) == How::part);
  CHECK(kernel.at(116, 4) == How::number);
  CHECK(kernel.at(118, 4) == How::missing);
}

TEST_CASE("a walk goes on behind a struct's end only in an array without length") {
  const Kernel kernel;
  CHECK(kernel.at(128, 8) == How::number);
  CHECK(kernel.at(128 + 16 * 1000 + 8, 8) == How::pointer);
  CHECK(field_at(*kernel.types, kernel.inner, 16, 8).kind == How::beyond);
  CHECK(field_at(*kernel.types, kernel.inner, 12, 8).kind == How::beyond);
  CHECK(field_at(*kernel.types, kernel.inner, 0xfffffff8, 8).kind == How::beyond);
}

TEST_CASE("a walk reads bit fields whole, and tells unions and the kernel's marks") {
  const Kernel kernel;
  CHECK(kernel.at(112, 4) == How::number);
  CHECK(kernel.at(113, 1) == How::missing);
  CHECK(field_at(*kernel.types, kernel.outer, 96, 8).tag == FieldAt::Tag::rcu);
  CHECK(field_at(*kernel.types, kernel.outer, 104, 8).tag == FieldAt::Tag::user);
  // The first member that the bytes fall into decides.
  CHECK(kernel.at(88, 8) == How::number);
}

TEST_CASE("a struct begins with its first member, and its first member's") {
  const Kernel kernel;
  const btf::Btf& types = *kernel.types;
  CHECK(is_or_starts_with(types, kernel.outer, 0, kernel.outer));
  CHECK(is_or_starts_with(types, kernel.outer, 0, kernel.inner));
  CHECK(is_or_starts_with(types, kernel.outer, 24, kernel.inner));
  CHECK(is_or_starts_with(types, kernel.outer, 40, kernel.inner));
  CHECK_FALSE(is_or_starts_with(types, kernel.outer, 32, kernel.inner));
  CHECK_FALSE(is_or_starts_with(types, kernel.outer, 0, kernel.leaf));
  CHECK_FALSE(is_or_starts_with(types, kernel.inner, 0, kernel.outer));
  CHECK_FALSE(is_or_starts_with(types, kernel.inner, 0, 0));
}

TEST_CASE("arguments are what the prototype says, the result comes last where there is one") {
  const Kernel kernel;
  const auto target_of = [&](std::uint32_t attach, const char* name) {
    const Typed typed({}, attach, name);
    Input input;
    input.program = &typed.program;
    input.kernel_types = kernel.types.get();
    std::optional<Target> target;
    CHECK_FALSE(find_target(input, target));
    REQUIRE(target);
    return *target;
  };
  const Target entry = target_of(kFentry, "work");
  CHECK(argument_at(entry, 0, 8).kind == Argument::Kind::object);
  CHECK(argument_at(entry, 0, 8).type == kernel.outer);
  CHECK(argument_at(entry, 0, 8).flags == 0);
  CHECK(argument_at(entry, 0, 4).kind == Argument::Kind::refused);
  CHECK(argument_at(entry, 8, 4).kind == Argument::Kind::number);
  CHECK(argument_at(entry, 12, 4).kind == Argument::Kind::refused);
  CHECK(argument_at(entry, 16, 8).kind == Argument::Kind::number);
  CHECK(argument_at(entry, 24, 8).kind == Argument::Kind::refused);
  const Target after = target_of(kFexit, "work");
  CHECK(argument_at(after, 24, 8).kind == Argument::Kind::result);
  CHECK(argument_at(after, 32, 8).kind == Argument::Kind::refused);
  const Target beat = target_of(kRawTp, "beat");
  CHECK(argument_at(beat, 0, 8).flags == reg_flag::trusted);
  CHECK(argument_at(beat, 8, 8).kind == Argument::Kind::number);
  CHECK(argument_at(beat, 16, 8).kind == Argument::Kind::refused);
}

TEST_CASE("programs may read along pointers, and nothing else") {
  const Kernel kernel;
  const auto follows = [&](std::vector<Insn> middle, std::uint32_t attach = kFentry, const char* license = "GPL") {
    std::vector<Insn> insns{load(1, 1, 0)};
    insns.insert(insns.end(), middle.begin(), middle.end());
    insns.push_back(zero());
    insns.push_back(leave());
    return Typed(std::move(insns), attach, attach == kRawTp ? "beat" : "work", license).verdict(kernel);
  };
  CHECK(follows({load(2, 1, 8), load(3, 2, 0)}) == "accepted");
  CHECK(follows({load_word(2, 1, 16)}) == "accepted");
  CHECK(follows({load(2, 1, 8), load(3, 2, 8)}) == "object_out_of_bounds");
  CHECK(follows({load_word(2, 1, 8)}) == "object_pointer_part");
  CHECK(follows({load_word(2, 1, 20)}) == "object_no_field");
  CHECK(follows({load(2, 1, -8)}) == "object_out_of_bounds");
  CHECK(follows({store(1, 0)}) == "object_write");
  CHECK(follows({load(2, 1, 104), load(3, 2, 0)}) == "object_user");
  CHECK(follows({load(2, 1, 0), load(3, 2, 0)}) == "access_through_non_pointer");
  CHECK(follows({load(2, 1, 8)}, kFentry, "Proprietary") == "object_gpl_only");
  CHECK(follows({insn(0x0f, 1, 10, 0, 0)}) == "pointer_pointer_arithmetic");
}

TEST_CASE("the region of a load from a kernel object is its field's, counted from the pointer that was loaded") {
  const Kernel kernel;
  const Typed typed({load(1, 1, 0), insn(0x07, 1, 0, 0, 8), load(2, 1, 0), load(3, 2, 0), zero(), leave()}, kFentry,
                    "work");
  CHECK(typed.region(kernel, 0) == Extent{0, 8});
  CHECK(typed.region(kernel, 2) == Extent{8, 16});
  CHECK(typed.region(kernel, 3) == Extent{0, 8});
}

TEST_CASE("pointers under RCU may be null, but for those that the kernel lists as trusted") {
  const Kernel kernel;
  const auto through = [&](std::int16_t member, std::uint32_t attach) {
    return Typed({load(1, 1, 0), load(2, 1, member), load(3, 2, 0), zero(), leave()}, attach,
                 attach == kRawTp ? "beat" : "work")
        .verdict(kernel);
  };
  CHECK(through(96, kRawTp) == "accepted");
  CHECK(through(120, kRawTp) == "access_or_null");
  CHECK(through(120, kFentry) == "accepted");  // nothing trusts the struct itself
  const Insn unless_null = insn(0x15, 2, 0, 1, 0);
  CHECK(Typed({load(1, 1, 0), load(2, 1, 120), unless_null, load(3, 2, 0), zero(), leave()}, kRawTp, "beat")
            .verdict(kernel) == "accepted");
}

TEST_CASE("what the kernel's types lack is not judged") {
  const Kernel kernel;
  CHECK(Typed({zero(), leave()}, kFentry, "gone").verdict(kernel) == "unsupported_target");
  CHECK(Typed({zero(), leave()}, kFentry, "migrate_disable").verdict(kernel) == "unsupported_target");
}

}  // namespace
}  // namespace skep::verifier
