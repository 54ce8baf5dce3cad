// Proven programs made of small pieces, run on both engines and taken apart.
//
// A piece is a few instructions on registers of its own choice: these are loaded before and stored after it. A Batch
// makes one program of several pieces, in which one register that none of them names holds a pointer into a map's
// value. How far into it, the value itself says, so that code cannot know: addresses are sums of that register and of
// a displacement.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <skep/skep.hpp>

#include "encoding/decoding.hpp"
#include "isa/table.hpp"

namespace skep::encoding {

constexpr unsigned kRegs = 10;

[[nodiscard]] constexpr Insn insn(unsigned opcode, unsigned dst, unsigned src, int off, std::int32_t imm) {
  return {static_cast<std::uint8_t>(opcode), static_cast<std::uint8_t>(dst & 15), static_cast<std::uint8_t>(src & 15),
          static_cast<std::int16_t>(off), imm};
}
[[nodiscard]] constexpr Insn move(unsigned dst, unsigned src) { return insn(0xbf, dst, src, 0, 0); }
[[nodiscard]] constexpr Insn load(unsigned dst, unsigned base, int off) { return insn(0x79, dst, base, off, 0); }
[[nodiscard]] constexpr Insn store(unsigned base, int off, unsigned src) { return insn(0x7b, base, src, off, 0); }

/// An instruction of the row: with these operands where it takes any.
[[nodiscard]] Insn insn_of(const isa::FormInfo& row, unsigned dst, unsigned src, int off, std::int32_t imm);

template <class Visit>
void for_each_row(isa::Operands operands, const Visit& visit) {
  for (const isa::FormInfo& row : isa::forms())
    if (row.operands == operands && row.operation != isa::Operation::call_) visit(row);
}

/// The maps that all programs run on, and what came of them. The first map is the one with the value that pointers lead
/// into; then come arrays of kElements values of kSmallBytes.
class ProvenBench {
 public:
  static constexpr std::uint32_t kValueBytes = 80'000;
  static constexpr std::uint32_t kMiddle = 40'000;  ///< where pointers lead to, or eight bytes further
  static constexpr std::int16_t kPointerSlot = -8;  ///< of the stack: the pointer
  static constexpr std::int16_t kFirstFreeSlot = -16;

  static constexpr std::uint32_t kElements = 3;
  static constexpr std::array<std::uint32_t, 3> kSmallBytes{8, 4, 21};
  static constexpr std::uint32_t kPacketBytes = 400;

  explicit ProvenBench(std::uint64_t one_in = every());

  /// Takes one program in so many: verifies it, runs it on both engines with several inputs, has it decoded.
  void check(const std::vector<Insn>& program, Look look) { check(program, look, ProgType::raw_tracepoint); }
  /// The same of a program for packets, whose first two instructions load fields of the context, and no others.
  void check_on_packets(const std::vector<Insn>& program) { check(program, Look::whole, ProgType::xdp); }
  /// All was the same, and all decoded as what it should.
  [[nodiscard]] bool agrees();
  /// What was decoded is kept here, too.
  void collect_into(std::vector<Built>& collected) { collected_ = &collected; }

  /// `lddw reg, value + off`.
  static void append_address(std::vector<Insn>& program, unsigned reg, std::uint32_t off);

 private:
  void check(const std::vector<Insn>& program, Look look, ProgType type);
  struct Outcome {
    bool operator==(const Outcome&) const = default;
    std::uint64_t value;
    std::vector<std::byte> memory;  ///< of all maps, and the packet
  };
  [[nodiscard]] Outcome outcome(const Executable& executable, ProgType type, const std::vector<std::byte>& input);
  /// As the processor sees it: with addresses for the map's value, with loads of what lies behind a context.
  [[nodiscard]] std::vector<Insn> resolved(std::vector<Insn> program, ProgType type) const;
  [[nodiscard]] std::uint64_t find_address() const;
  [[nodiscard]] Result<Executable> built(const std::vector<Insn>& program, ProgType type, Engine engine,
                                         bool keep_map) const;
  [[nodiscard]] std::string listing(const std::vector<Insn>& program) const;

  std::vector<Map> maps_;
  std::uint64_t address_ = 0;
  XdpPacket packet_;
  std::vector<std::vector<std::byte>> inputs_;
  std::uint64_t one_in_;
  std::uint64_t asked_ = 0;
  std::uint64_t programs_ = 0;
  std::uint64_t runs_ = 0;
  std::uint64_t different_ = 0;
  std::vector<Built>* collected_ = nullptr;
  Decoding decoding_;
};

class Batch {
 public:
  /// `named`: the registers that pieces may name. At most `most` pieces go into a program; what is left over is checked
  /// at the end.
  Batch(ProvenBench& bench, std::initializer_list<unsigned> named, unsigned most = 12, Look look = Look::whole);
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() { flush(); }

  /// Sets of registers: bit by register.
  struct But {
    unsigned pointers = 0;  ///< these hold the pointer before the piece, which the pieces may add to
    unsigned unset = 0;     ///< these nothing in particular: the piece does not read them
    unsigned hidden = 0;    ///< these are not stored after it
  };
  void add(const std::vector<Insn>& piece, But but);
  void add(const std::vector<Insn>& piece) { add(piece, But{}); }
  /// A piece that ends with a conditional jump: where it leads to, the program ends with another result.
  void add_branch(const std::vector<Insn>& piece);
  [[nodiscard]] unsigned pointer() const noexcept { return pointer_; }
  void flush();

 private:
  void begin();
  void load_named(const But& but);
  void put(const Insn& what) { program_.push_back(what); }

  ProvenBench& bench_;
  std::uint16_t named_ = 0;
  unsigned pointer_ = 0;
  unsigned most_;
  Look look_;
  unsigned pieces_ = 0;
  unsigned loads_ = 0;
  int next_output_ = 0;
  std::vector<Insn> program_;
  std::vector<std::size_t> jumps_;
};

}  // namespace skep::encoding
