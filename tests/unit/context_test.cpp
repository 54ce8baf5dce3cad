// Contexts: what a program sees of them, and XdpPacket against the running kernel's own answers.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <skep/context.hpp>

#include "abi/context_fields.hpp"
#include "support/kernel.hpp"

using namespace skep;

namespace {

std::vector<std::byte> frame_of(std::size_t size) {
  std::vector<std::byte> frame(size);
  for (std::size_t i = 0; i < size; ++i) frame[i] = static_cast<std::byte>(i * 7 + 1);
  return frame;
}

std::vector<std::byte> copy_of(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

enum class Op : std::int32_t { head = 44, tail = 65, meta = 54 };  // the helpers' ids
struct Step {
  Op op;
  std::int64_t delta;
};

int apply(XdpPacket& packet, const Step& step) {
  switch (step.op) {
    case Op::head:
      return packet.adjust_head(step.delta);
    case Op::tail:
      return packet.adjust_tail(step.delta);
    case Op::meta:
      return packet.adjust_meta(step.delta);
  }
  return 0;
}

/// r0 = (first result << 16) | (second result & 0xffff)
std::vector<Insn> program_of(const Step& first, const Step& second) {
  std::vector<Insn> insns{Insn(0xbf, 6, 1, 0, 0)};  // r6 = r1
  const auto call = [&insns](const Step& step) {
    insns.emplace_back(0xbf, 1, 6, 0, 0);  // r1 = r6
    insns.emplace_back(0x18, 2, 0, 0, static_cast<std::int32_t>(step.delta));
    insns.emplace_back(0, 0, 0, 0, static_cast<std::int32_t>(step.delta >> 32));
    insns.emplace_back(0x85, 0, 0, 0, static_cast<std::int32_t>(step.op));
  };
  call(first);
  insns.emplace_back(0xbf, 7, 0, 0, 0);   // r7 = r0
  insns.emplace_back(0x67, 7, 0, 0, 16);  // r7 <<= 16
  call(second);
  insns.emplace_back(0x57, 0, 0, 0, 0xffff);  // r0 &= 0xffff
  insns.emplace_back(0x4f, 0, 7, 0, 0);       // r0 |= r7
  insns.emplace_back(0x95, 0, 0, 0, 0);
  return insns;
}

bool same_as_kernel(std::size_t frame_size, const Step& first, const Step& second) {
  const std::vector<std::byte> frame = frame_of(frame_size);
  const kernel::Descriptor program = kernel::load(ProgType::xdp, program_of(first, second));
  REQUIRE(program.ok());
  const kernel::XdpRun theirs = kernel::run_xdp(program, frame);
  REQUIRE_MESSAGE(theirs.sys == 0, std::strerror(-theirs.sys));

  XdpPacket ours(frame);
  const auto first_result = static_cast<std::uint32_t>(apply(ours, first));
  const auto second_result = static_cast<std::uint32_t>(apply(ours, second));
  std::vector<std::byte> data = copy_of(ours.meta());
  data.insert(data.end(), ours.frame().begin(), ours.frame().end());
  const bool same = theirs.value == ((first_result << 16) | (second_result & 0xffff)) && theirs.data == data &&
                    theirs.context.data == ours.meta().size() && theirs.context.data_end == data.size();
  if (!same) {
    MESSAGE("frame ", frame_size, ": helper ", static_cast<int>(first.op), "(", first.delta, "), helper ",
            static_cast<int>(second.op), "(", second.delta, "): kernel r0 ", theirs.value, " meta ",
            theirs.context.data, " bytes ", theirs.data.size(), "; skep ", static_cast<int>(first_result), " ",
            static_cast<int>(second_result), " meta ", ours.meta().size(), " bytes ", data.size());
  }
  return same;
}

}  // namespace

TEST_CASE("every pair of adjust_head, adjust_tail and adjust_meta gives what the running kernel gives") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: ", *reason);
    return;
  }
  std::vector<Step> firsts{{Op::head, 0}, {Op::head, -216}, {Op::head, -256}, {Op::head, 14}, {Op::tail, 3000}};
  for (const std::int64_t delta : {-4, -32, -36, -128, -216, -252, -256}) firsts.push_back({Op::meta, delta});
  std::vector<std::int64_t> deltas{0,
                                   1,
                                   -1,
                                   2,
                                   -2,
                                   3,
                                   -4,
                                   4,
                                   -8,
                                   8,
                                   14,
                                   -14,
                                   32,
                                   -32,
                                   -36,
                                   46,
                                   47,
                                   50,
                                   51,
                                   60,
                                   -46,
                                   -47,
                                   -50,
                                   -51,
                                   -60,
                                   -120,
                                   -180,
                                   -184,
                                   -185,
                                   -188,
                                   -192,
                                   -208,
                                   -215,
                                   -216,
                                   -217,
                                   -220,
                                   -224,
                                   -225,
                                   -232,
                                   -248,
                                   -251,
                                   -252,
                                   -253,
                                   -255,
                                   -256,
                                   -257,
                                   3455,
                                   3456,
                                   3457,
                                   3460,
                                   3519,
                                   3520,
                                   3521,
                                   70000,
                                   -70000,
                                   (std::int64_t{1} << 32) + 4,
                                   (std::int64_t{1} << 32) - 4,
                                   std::int64_t{1} << 31};
  int pairs = 0;
  int differences = 0;
  for (const Step& first : firsts)
    for (const Op op : {Op::head, Op::tail, Op::meta})
      for (const std::int64_t delta : deltas) {
        ++pairs;
        differences += same_as_kernel(64, first, {op, delta}) ? 0 : 1;
      }
  for (const std::size_t size : {14, 15, 1500, 3519, 3520})
    for (const Op op : {Op::head, Op::tail, Op::meta})
      for (const std::int64_t delta :
           {-3507, -3506, -1487, -1486, -216, -4, -1, 0, 1, 2, 20, 1486, 1487, 2020, 2021, 3506})
        differences += same_as_kernel(size, {Op::head, 0}, {op, delta}) ? 0 : 1;
  CHECK(pairs > 2000);
  CHECK(differences == 0);
}

TEST_CASE("load_bytes refuses what the running kernel refuses") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: ", *reason);
    return;
  }
  const std::vector<std::byte> frame = frame_of(64);
  XdpPacket packet(frame);
  for (const std::int64_t off : {0l, 1l, 48l, 49l, 64l, 65l, 0xffffl, 0x10000l, 0xffffffffl, 0x100000000l, -1l})
    for (const bool store : {false, true}) {
      const std::vector<Insn> insns{Insn(0x7a, 10, 0, -16, 0),  // two stack words
                                    Insn(0x7a, 10, 0, -8, 0),
                                    Insn(0x18, 2, 0, 0, static_cast<std::int32_t>(off)),
                                    Insn(0, 0, 0, 0, static_cast<std::int32_t>(off >> 32)),
                                    Insn(0xbf, 3, 10, 0, 0),
                                    Insn(0x07, 3, 0, 0, -16),
                                    Insn(0xb7, 4, 0, 0, 16),
                                    Insn(0x85, 0, 0, 0, store ? 190 : 189),
                                    Insn(0x95, 0, 0, 0, 0)};
      const kernel::Descriptor program = kernel::load(ProgType::xdp, insns);
      REQUIRE(program.ok());
      const kernel::XdpRun theirs = kernel::run_xdp(program, frame);
      REQUIRE(theirs.sys == 0);
      std::array<std::byte, 16> buffer{};
      const int ours = store ? packet.store_bytes(static_cast<std::uint64_t>(off), buffer)
                             : packet.load_bytes(static_cast<std::uint64_t>(off), buffer);
      CAPTURE(off);
      CAPTURE(store);
      CHECK(ours == static_cast<std::int32_t>(theirs.value));
    }
}

TEST_CASE("load_bytes and store_bytes move exactly the bytes named") {
  XdpPacket packet(frame_of(64));
  std::array<std::byte, 4> four{};
  CHECK(packet.load_bytes(60, four) == 0);
  CHECK(std::equal(four.begin(), four.end(), packet.frame().begin() + 60));
  four.fill(std::byte{0xee});
  CHECK(packet.store_bytes(10, four) == 0);
  CHECK(std::equal(four.begin(), four.end(), packet.frame().begin() + 10));
  CHECK(packet.frame()[14] == frame_of(64)[14]);
  CHECK(packet.store_bytes(61, four) == -EINVAL);
  std::vector<std::byte> too_long(0x10000);
  CHECK(packet.load_bytes(0, too_long) == -EFAULT);
  CHECK(packet.load_bytes(64, {}) == 0);
}

TEST_CASE("fields of xdp_md read as whole pointers, and only as four bytes") {
  XdpPacket packet(frame_of(100), {.ingress_ifindex = 7, .rx_queue_index = 8, .egress_ifindex = 9});
  CHECK(packet.adjust_meta(-8) == 0);
  const auto address = [](const std::byte* at) { return reinterpret_cast<std::uint64_t>(at); };
  CHECK(packet.load(0, 4) == address(packet.frame().data()));
  CHECK(packet.load(4, 4) == address(packet.frame().data() + 100));
  CHECK(packet.load(8, 4) == address(packet.meta().data()));
  CHECK(packet.load(12, 4) == 7);
  CHECK(packet.load(16, 4) == 8);
  CHECK(packet.load(20, 4) == 9);
  for (std::uint32_t off = 0; off < 40; ++off)
    for (unsigned size = 0; size < 16; ++size)
      CHECK(packet.load(off, size).has_value() == (size == 4 && off < 24 && off % 4 == 0));
  CHECK_FALSE(packet.store(16, 4, 0));
}

TEST_CASE("the fields of xdp_md follow each other and fill it") {
  const abi::ContextLayout& layout = *abi::find_context_layout(ProgType::xdp);
  std::uint32_t end = 0;
  for (const abi::ContextField& field : layout.fields) {
    CHECK(field.off == end);
    end = field.off + field.size;
    CHECK(abi::find_context_field(layout, field.off) == &field);
    CHECK(abi::find_context_field(layout, field.off + 1) == nullptr);
  }
  CHECK(end == layout.bytes);
  CHECK(sizeof(xdp_md) == abi::find_context_layout(ProgType::xdp)->bytes);
  CHECK(abi::find_context_layout(ProgType::kprobe) == nullptr);
}

TEST_CASE("an XDP packet shows its metadata and packet as one writable range, and its xdp_md as no memory") {
  XdpPacket packet(frame_of(60));
  CHECK(packet.adjust_meta(-4) == 0);
  std::array<Context::Memory, Context::kMaxMemories> memories;
  REQUIRE(packet.memories(memories) == 1);
  CHECK(memories[0].base == packet.meta().data());
  CHECK(memories[0].bytes == 64);
  CHECK(memories[0].writable);
  CHECK(packet.structured().bytes == 24);
  CHECK(packet.entry().r1 == packet.structured().address);
  CHECK(packet.xdp() == &packet);

  const XdpPacket copy = packet;
  CHECK(copy.structured().address != packet.structured().address);
  CHECK(copy.frame().data() != packet.frame().data());
  CHECK(copy_of(copy.frame()) == copy_of(packet.frame()));
}

TEST_CASE("reset leaves nothing of the frame before, in front of or behind the new one") {
  XdpPacket packet(frame_of(300));
  CHECK(packet.adjust_head(-200) == 0);
  CHECK(packet.store_bytes(0, std::vector<std::byte>(200, std::byte{0xaa})) == 0);
  packet.set_redirect({.ifindex = 3});
  packet.reset(frame_of(20));
  CHECK(copy_of(packet.frame()) == frame_of(20));
  CHECK(packet.meta().empty());
  CHECK_FALSE(packet.redirect().has_value());
  CHECK(packet.adjust_head(-216) == 0);
  CHECK(packet.adjust_tail(3500) == 0);
  const auto zero = [](std::byte byte) { return byte == std::byte{0}; };
  CHECK(std::all_of(packet.frame().begin(), packet.frame().begin() + 216, zero));
  CHECK(std::all_of(packet.frame().begin() + 236, packet.frame().end(), zero));
}

TEST_CASE("a frame too large for one page gets a buffer of its size, and no room to grow") {
  XdpPacket packet(frame_of(9000));
  CHECK(packet.frame().size() == 9000);
  CHECK(packet.adjust_tail(1) == -EINVAL);
  CHECK(packet.adjust_tail(-1) == 0);
  CHECK(packet.adjust_tail(1) == 0);
  CHECK(packet.adjust_head(-216) == 0);
  packet.reset(frame_of(64));
  CHECK(packet.adjust_tail(3520 - 64) == 0);
  CHECK(packet.adjust_tail(1) == -EINVAL);
}

TEST_CASE("an empty frame is a packet that no helper can move") {
  XdpPacket packet(std::span<const std::byte>{});
  CHECK(packet.frame().empty());
  CHECK(packet.load(0, 4) == packet.load(4, 4));
  CHECK(packet.adjust_head(0) == -EINVAL);
  CHECK(packet.adjust_tail(13) == -EINVAL);
  CHECK(packet.adjust_tail(14) == 0);
}

TEST_CASE("raw bytes come as address and length, and keep whether they may be written") {
  std::array<std::byte, 5> bytes{};
  std::array<Context::Memory, Context::kMaxMemories> memories;
  RawContext writable{std::span<std::byte>(bytes)};
  CHECK(writable.entry().r1 == reinterpret_cast<std::uint64_t>(bytes.data()));
  CHECK(writable.entry().r2 == 5);
  REQUIRE(writable.memories(memories) == 1);
  CHECK(memories[0].writable);
  CHECK(memories[0].bytes == 5);
  CHECK(writable.structured().bytes == 0);
  CHECK(writable.xdp() == nullptr);

  const RawContext read_only{std::span<const std::byte>(bytes)};
  REQUIRE(read_only.memories(memories) == 1);
  CHECK_FALSE(memories[0].writable);

  const RawContext empty;
  CHECK(empty.entry().r1 == 0);
  CHECK(empty.entry().r2 == 0);
  CHECK(empty.memories(memories) == 0);
}
