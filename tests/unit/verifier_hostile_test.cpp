// After the holes that verifiers had: each program is refused, and a twin that differs in one place is accepted.
//
// A row holds the text they share, with '@' where they differ. "{array} ll" names a map, "{fn+N} ll" the function that
// starts N slots after the next instruction. The running kernel is asked about both where it lets us.
#include <doctest/doctest.h>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "isa/text.hpp"
#include "support/kernel.hpp"
#include "support/kernel_map.hpp"
#include "verifier/input.hpp"

namespace skep::verifier {
namespace {

/// Who is asked about a pair, as which user.
enum class Asked : std::uint8_t {
  kernel_too,
  unprivileged,  ///< few kernels let such users load anything at all
  here,          ///< what the kernel says depends on how it was built
};

struct Pair {
  const char* name;
  ProgType type;
  const char* shared;
  const char* hostile;
  const char* harmless;
  Code code;  ///< why the hostile one is refused
  Asked asked = Asked::kernel_too;
};

constexpr auto kFilter = ProgType::socket_filter;
constexpr auto kXdp = ProgType::xdp;
constexpr auto kProbe = ProgType::kprobe;
constexpr auto kClassifier = ProgType::sched_cls;

// r7: a value of 48 bytes; r6 and r8: numbers out of it.
#define LOOKUP "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = {array} ll\ncall 1\n"
// r0: a value of 8 bytes or null; of an array the verifier knows that a constant key is there.
#define LOOKUP_HASH "*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr1 = {hash} ll\ncall 1\n"
#define VALUE LOOKUP "if r0 == 0 goto end\nr7 = r0\nr6 = *(u64 *)(r7 + 0)\nr8 = *(u64 *)(r7 + 8)\n"
#define INDEX_BY(reg) "r7 += " reg "\nr1 = *(u8 *)(r7 + 0)\n"
#define END "end:\nr0 = 0\nexit\n"
// r6: the context; r2: the packet; r3: its end.
#define PACKET "r6 = r1\nr2 = *(u32 *)(r6 + 0)\nr3 = *(u32 *)(r6 + 4)\n"
// r0: a record of 8 bytes or null.
#define RESERVE "r1 = {ring} ll\nr2 = 8\nr3 = 0\ncall 131\n"
#define SUBMIT(reg) "r1 = " reg "\nr2 = 0\ncall 132\n"

constexpr Pair kPairs[] = {
    // Bounds
    {"the last byte and one more", kFilter, VALUE "if r6 > @ goto end\n" INDEX_BY("r6") END, "48", "47",
     Code::access_out_of_bounds},
    {"a signed comparison leaves negative numbers", kFilter, VALUE "if r6 @ 47 goto end\n" INDEX_BY("r6") END, "s>",
     ">", Code::pointer_offset_unbounded},
    {"a shift out of the bounds", kFilter, VALUE "r6 &= 1\nr6 <<= @\n" INDEX_BY("r6") END, "6", "5",
     Code::access_out_of_bounds},
    {"a difference of two bounded numbers is negative", kFilter,
     VALUE "r6 &= 15\nr8 &= 31\nr6 @ r8\n" INDEX_BY("r6") END, "-=", "+=", Code::access_index_negative},
    {"a bounded number subtracted from the pointer", kFilter, VALUE "r6 &= 15\nr7 @ r6\nr1 = *(u8 *)(r7 + 0)\n" END,
     "-=", "+=", Code::access_index_negative},
    {"bits that a test leaves", kFilter, VALUE "if r6 & @ goto end\n" INDEX_BY("r6") END, "-64", "-32",
     Code::access_out_of_bounds},
    {"a byte swap moves the bits", kFilter, VALUE "r6 &= 31\nr6 = @ r6\n" INDEX_BY("r6") END, "be16", "le16",
     Code::access_out_of_bounds},
    {"or makes numbers larger", kFilter, VALUE "r6 &= 31\nr6 |= @\n" INDEX_BY("r6") END, "32", "15",
     Code::access_out_of_bounds},
    {"what an atomic fetches is not what was put", kFilter,
     VALUE "*(u64 *)(r10 - 16) = r6\nr9 = 0\nr9 = atomic_fetch_add((u64 *)(r10 - 16), r9)\n@\n" INDEX_BY("r9") END,
     "r9 &= 63", "r9 &= 31", Code::access_out_of_bounds},
    {"an atomic that fetches over its own address", kFilter,
     VALUE "r9 = r7\nr9 = atomic_fetch_add((u64 *)(@ + 0), r9)\n" END, "r9", "r7", Code::access_misaligned},
    {"an exchange that loads over its own address", kFilter,
     VALUE "r0 = r7\nr9 = 1\nr0 = cmpxchg_64(@ + 0x0, r0, r9)\n" END, "r0", "r7", Code::access_misaligned},
    {"a wide load at the last byte", kFilter, VALUE "if r6 > 47 goto end\nr7 += r6\nr1 = *(@ *)(r7 + 0)\n" END, "u16",
     "u8", Code::access_out_of_bounds},

    // Signs
    {"-1 in 32 bits is not -1 in 64 (CVE-2017-16995)", kFilter,
     VALUE "@ = -1\nif r9 != -1 goto bad\ngoto end\nbad:\nr1 = *(u8 *)(r7 + 64)\n" END, "w9", "r9",
     Code::access_out_of_bounds},
    {"a sign-extending move", kFilter, VALUE "r6 &= 255\nr6 = (@)r6\nif r6 s> 47 goto end\n" INDEX_BY("r6") END, "s8",
     "s16", Code::access_index_negative},
    {"a sign-extending load", kFilter, VALUE "r6 = *(@ *)(r7 + 0)\nif r6 s> 47 goto end\n" INDEX_BY("r6") END, "s8",
     "u8", Code::access_index_negative},
    {"an arithmetic shift of 32 bits", kFilter, VALUE "w6 @ 31\n" INDEX_BY("r6") END,
     "s>>=", ">>=", Code::access_index_unbounded},
    {"a constant masked with a sign", kFilter, VALUE "r6 s>>= 63\nr6 &= @\nif r6 == 100 goto end\n" INDEX_BY("r6") END,
     "99", "100", Code::access_out_of_bounds, Asked::here},
    {"a signed 32-bit comparison leaves large numbers", kFilter,
     VALUE "if w6 @ 47 goto end\nw6 = w6\n" INDEX_BY("r6") END, "s>", ">", Code::access_index_unbounded},

    // 32 and 64 bits
    {"a 32-bit comparison says nothing of the upper half (CVE-2020-8835)", kFilter,
     VALUE "if w6 > 47 goto end\n@\n" INDEX_BY("r6") END, "r6 = r6", "w6 = w6", Code::pointer_offset_unbounded},
    {"a 32-bit test says nothing of the upper half", kFilter, VALUE "if @ & -32 goto end\n" INDEX_BY("r6") END, "w6",
     "r6", Code::pointer_offset_unbounded},
    {"64-bit bounds say nothing of the lower half after or (CVE-2020-27194)", kFilter,
     VALUE "r9 = 0x600000002 ll\nif r6 >= r9 goto end\nif r6 s<= 0 goto end\nr6 |= 0\nw8 = w6\n@\nr8 -= 1\n" INDEX_BY(
         "r8") END,
     "r8 += 0", "if r8 == 0 goto end\nr8 &= 31\nr8 |= 1", Code::access_index_negative},
    {"a mask that bounds only the lower half (CVE-2021-3490)", kFilter, VALUE "w6 &= @\n" INDEX_BY("r6") END, "-16",
     "31", Code::access_index_unbounded},
    {"a positive number may have a lower half of 0 (CVE-2021-31440)", kFilter,
     VALUE "if @ goto end\nif w6 > 48 goto end\nw6 = w6\nr6 += -1\n" INDEX_BY("r6") END, "r6 s< 1", "w6 < 1",
     Code::access_index_negative},
    {"32-bit arithmetic wraps", kFilter, VALUE "w6 &= 31\nw6 @ 1\n" INDEX_BY("r6") END,
     "-=", "+=", Code::access_index_unbounded},
    {"half a pointer is no pointer", kFilter, VALUE "@\nr1 = *(u8 *)(r9 + 0)\n" END, "w9 = w7", "r9 = r7",
     Code::access_through_non_pointer},

    // Linked numbers
    {"a copy of half a number", kFilter, VALUE "@\nif r9 > 47 goto end\n" INDEX_BY("r6") END, "w9 = w6", "r9 = r6",
     Code::pointer_offset_unbounded},
    {"a copy and a constant", kFilter, VALUE "r6 &= 4095\nr9 = r6\nr9 += 1\nif r9 > @ goto end\n" INDEX_BY("r6") END,
     "49", "48", Code::access_out_of_bounds},
    {"a copy less a constant", kFilter, VALUE "r6 &= 4095\nr9 = r6\nr9 -= 1\nif r9 > @ goto end\n" INDEX_BY("r6") END,
     "47", "46", Code::access_out_of_bounds, Asked::here},
    {"a copy and a constant in halves", kFilter, VALUE "@\nr9 = r6\nw9 += 1\nif r9 > 48 goto end\n" INDEX_BY("r6") END,
     "r6 |= 0", "w6 &= 4095", Code::pointer_offset_unbounded, Asked::here},
    {"a copy of what a number was before", kFilter, VALUE "r9 = r6\n@\nif r9 > 47 goto end\n" INDEX_BY("r6") END,
     "r6 <<= 1", "r8 <<= 1", Code::pointer_offset_unbounded},
    {"half a number through the stack", kFilter,
     VALUE "*(@ *)(r10 - 16) = r6\nr9 = *(@ *)(r10 - 16)\nif r9 > 47 goto end\n" INDEX_BY("r6") END, "u32", "u64",
     Code::pointer_offset_unbounded},

    // Pruning and precision
    {"a number filled with a sign it did not have", kFilter,
     VALUE "r9 = *(u32 *)(r7 + 0)\n*(u64 *)(r10 - 16) = r9\nr1 = *(@ *)(r10 - 16)\nif r1 s>= 0 goto end\nr9 >>= 63\n"
           "r9 ^= 1\nr9 <<= 6\n" INDEX_BY("r9") END,
     "s32", "u32", Code::access_out_of_bounds, Asked::here},
    {"two constants in a register", kFilter, VALUE "r9 = 0\nif r6 == 0 goto join\nr9 = @\njoin:\n" INDEX_BY("r9") END,
     "64", "32", Code::access_out_of_bounds},
    {"two constants on the stack", kFilter,
     VALUE
     "*(u64 *)(r10 - 16) = 0\nif r6 == 0 goto join\n*(u64 *)(r10 - 16) = @\njoin:\nr9 = *(u64 *)(r10 - 16)\n" INDEX_BY(
         "r9") END,
     "64", "32", Code::access_out_of_bounds},
    {"two constants in part of a slot", kFilter,
     VALUE "*(u64 *)(r10 - 16) = 0\nif r6 == 0 goto join\n*(u8 *)(r10 - 16) = @\njoin:\nr9 = *(u8 *)(r10 - 16)\nr9 &= "
           "63\n" INDEX_BY("r9") END,
     "r6", "0", Code::access_out_of_bounds},
    {"two constants through a call", kFilter,
     VALUE "r1 = 0\nif r6 == 0 goto join\nr1 = @\njoin:\ncall pc+0x4\n" INDEX_BY("r0") END "r0 = r1\nexit\n", "64",
     "32", Code::access_out_of_bounds},
    {"a bound out of a register with two constants (CVE-2023-2163)", kFilter,
     VALUE "r9 = @\nif r8 == 0 goto join\nr9 = 0\njoin:\nif r6 > r9 goto end\n" INDEX_BY("r6") END, "64", "32",
     Code::access_out_of_bounds},
    // On the way walked first the test can have only one outcome, which is known from the constant.
    {"a way that is closed for one of two constants", kFilter,
     VALUE "if r6 != 35 goto join\nr8 = 0\ngoto on\njoin:\nr8 = 0\non:\nr1 = *(u8 *)(r7 + 47)\nr1 += r6\n"
           "if w1 & -16 goto end\n@\n" INDEX_BY("r1") END,
     "r8 = r1", "w1 = w1", Code::pointer_offset_unbounded},
    {"a way that is decided by one of two constants", kFilter,
     VALUE "r9 = @\nif r6 == 0 goto join\nr9 = 0\njoin:\nif r9 == 0 goto end\nr1 = *(u8 *)(r7 + 64)\n" END, "64", "0",
     Code::access_out_of_bounds},
    {"a way that is decided by one of two constants in halves", kFilter,
     VALUE "r9 = @\nif r6 == 0 goto join\nr9 = 0\njoin:\nif w9 < 32 goto end\nr1 = *(u8 *)(r7 + 64)\n" END, "64", "31",
     Code::access_out_of_bounds},
    {"a size with two constants", kFilter,
     VALUE "r9 = @\nif r6 == 0 goto join\nr9 = 0\njoin:\nr1 = {ring} ll\nr2 = r7\nr3 = r9\nr4 = 0\ncall 130\n" END,
     "49", "48", Code::access_out_of_bounds},
    {"two pointers with different offsets", kFilter,
     VALUE "r9 = r7\nif r6 == 0 goto join\nr9 += @\njoin:\nr1 = *(u8 *)(r9 + 0)\n" END, "48", "47",
     Code::access_out_of_bounds},
    {"two constants, one of them added in a loop", kFilter,
     VALUE "r9 = 0\nagain:\nr1 = r7\nr1 += r9\n*(u8 *)(r1 + 0) = 0\nr9 += 1\nif r9 < @ goto again\n" END, "49", "48",
     Code::access_out_of_bounds},
    {"more than one constant may have been stored", kFilter,
     VALUE "if r6 == 0 goto other\n*(u8 *)(r10 - 15) = 0\ngoto join\nother:\n*(u8 *)(r10 - 15) = @\njoin:\n"
           "*(u8 *)(r10 - 14) = 1\nr2 = *(u8 *)(r10 - 15)\n" INDEX_BY("r2") END,
     "200", "0", Code::access_out_of_bounds},
    {"a zero of two constants, stored as a byte", kFilter,
     VALUE
     "r9 = 0\nif r6 == 0 goto join\nr9 = @\njoin:\n*(u8 *)(r10 - 15) = r9\nr2 = *(u8 *)(r10 - 15)\n" INDEX_BY("r2") END,
     "200", "0", Code::access_out_of_bounds},
    {"a zero stored somewhere is not everywhere", kFilter,
     VALUE
     "*(u64 *)(r10 - 24) = 0\n*(u8 *)(r10 - 23) = @\nr6 &= 8\nr1 = r10\nr1 += -23\nr1 += r6\n*(u8 *)(r1 + 0) = 0\n"
     "r2 = *(u8 *)(r10 - 23)\n" INDEX_BY("r2") END,
     "200", "0", Code::access_out_of_bounds},
    {"half a slot that was spilled", kFilter,
     VALUE "*(u64 *)(r10 - 16) = r6\n*(u32 *)(r10 - 16) = 0\nr2 = *(@ *)(r10 - 16)\n" INDEX_BY("r2") END, "u64", "u32",
     Code::pointer_offset_unbounded},
    {"two offsets into a value", kFilter,
     VALUE "if r8 == 0 goto other\nr6 &= 7\ngoto join\nother:\nr6 &= @\njoin:\nr7 += r6\nr1 = *(u8 *)(r7 + 40)\n" END,
     "15", "7", Code::access_out_of_bounds},
    {"two offsets that were added before the ways met", kFilter,
     VALUE "if r8 == 0 goto other\nr6 &= 7\nr7 += r6\ngoto join\nother:\nr6 &= @\nr7 += r6\njoin:\nr1 = *(u8 *)(r7 + "
           "40)\n" END,
     "15", "7", Code::access_out_of_bounds},
    {"a copy on one way only", kFilter,
     VALUE "if r8 == 0 goto other\nr1 = r6\ngoto join\nother:\nr1 = @\njoin:\nif r1 > 40 goto end\n" INDEX_BY("r6") END,
     "r8", "r6", Code::pointer_offset_unbounded},
    {"a way that is covered needs what covers it needs", kFilter,
     VALUE "r9 = 0\nif r6 == 0 goto other\ngoto join\nother:\nif r8 == 0 goto third\ngoto on\nthird:\nr9 = @\non:\n"
           "if r6 == 1 goto join\njoin:\n" INDEX_BY("r9") END,
     "64", "32", Code::access_out_of_bounds},
    {"a way that is covered reads what covers it reads", kFilter,
     VALUE "*(u64 *)(r10 - 16) = 0\nif r6 == 0 goto other\ngoto join\nother:\nif r8 == 0 goto third\ngoto on\nthird:\n"
           "*(u64 *)(r10 - 16) = @\non:\nif r6 == 1 goto join\njoin:\nr9 = *(u64 *)(r10 - 16)\n" INDEX_BY("r9") END,
     "64", "32", Code::access_out_of_bounds},
    {"two constants, met again before they are used", kFilter,
     VALUE "r9 = 0\nif r6 == 0 goto join\nr9 = @\njoin:\nif r8 == 0 goto on\non:\n" INDEX_BY("r9") END, "64", "32",
     Code::access_out_of_bounds},
    {"a sum with one of two constants", kFilter,
     VALUE "r9 = 0\nif r6 == 0 goto join\nr9 = @\njoin:\nr8 &= 7\nr8 += r9\n" INDEX_BY("r8") END, "64", "32",
     Code::access_out_of_bounds},
    {"two lengths, the last argument", kFilter,
     "r6 = r1\nr8 = *(u32 *)(r6 + 0)\nr4 = 8\nif r8 == 0 goto join\nr4 = @\njoin:\nr1 = r6\nr2 = 0\nr3 = r10\nr3 += "
     "-8\n"
     "call 26\nr0 = 0\nexit\n",
     "16", "4", Code::stack_out_of_bounds},
    {"less packet on one way", kXdp,
     PACKET "r5 = *(u32 *)(r6 + 12)\nif r5 == 0 goto other\nr4 = r2\nr4 += 16\nif r4 > r3 goto end\ngoto join\nother:\n"
            "r4 = r2\nr4 += @\nif r4 > r3 goto end\njoin:\nr0 = *(u8 *)(r2 + 12)\n" END,
     "8", "13", Code::packet_out_of_bounds},
    {"an unknown number behind what is proven", kXdp,
     PACKET
     "r5 = *(u32 *)(r6 + 12)\nr5 &= 7\nr4 = r2\nr4 += 8\nif r4 > r3 goto end\nr2 += @\nr0 = *(u8 *)(r2 + 0)\n" END,
     "r5", "7", Code::packet_out_of_bounds},
    // Linux 6.18 takes the second comparison for decided, and drops the way that runs.
    {"back from the packet's end", kXdp,
     PACKET
     "r4 = r2\nr4 += 8\nif r4 >= r3 goto at\ngoto end\nat:\nr4 += @\nif r4 >= r3 goto end\nr0 = *(u8 *)(r2 + 99)\n" END,
     "-4", "4", Code::packet_out_of_bounds, Asked::here},
    {"before a value", kFilter, VALUE "r1 = *(u8 *)(r7 @ 1)\n" END, "-", "+", Code::access_out_of_bounds},
    {"what a loop needs is known when it has ended", kFilter,
     VALUE
     "r9 = 0\nagain:\nmay_goto end\nif r8 == 0 goto use\nif r6 == 0 goto other\nr9 = 0\ngoto join\nother:\nr9 = @\n"
     "join:\nr6 = *(u64 *)(r7 + 0)\nr8 = *(u64 *)(r7 + 8)\ngoto again\nuse:\n" INDEX_BY("r9") END,
     "64", "0", Code::pointer_offset_unbounded},
    {"what a loop needs reaches the ways that stopped at it", kFilter,
     VALUE "r9 = 0\nr4 = 0\nif r6 == 1 goto second\nagain:\nmay_goto end\nif r8 == 0 goto use\nif r6 == 0 goto other\n"
           "r9 = 0\ngoto join\nother:\nr9 = r4\njoin:\nr6 = *(u64 *)(r7 + 0)\nr8 = *(u64 *)(r7 + 8)\ngoto again\n"
           "second:\nr4 = @\ngoto again\nuse:\n" INDEX_BY("r9") END,
     "64", "0", Code::pointer_offset_unbounded},
    {"a loop that stands still", kFilter, "r9 = 0\nagain:\nr9 += @\nif r9 < 8 goto again\nr0 = 0\nexit\n", "0", "1",
     Code::endless_loop},

    // Or null
    {"arithmetic before the check (CVE-2022-23222)", kFilter, LOOKUP_HASH "@\nr1 = *(u8 *)(r0 + 0)\n" END,
     "r0 += 4\nif r0 == 0 goto end", "if r0 == 0 goto end\nr0 += 4", Code::pointer_arithmetic_or_null},
    {"a constant key behind the last", kFilter,
     "*(u32 *)(r10 - 8) = @\nr2 = r10\nr2 += -8\nr1 = {array} ll\ncall 1\nr1 = *(u8 *)(r0 + 0)\n" END, "1", "0",
     Code::access_or_null},
    {"no check", kFilter, LOOKUP_HASH "@\nr1 = *(u8 *)(r0 + 0)\n" END, "goto on\non:\nif r10 == 0 goto end",
     "goto on\non:\nif r0 == 0 goto end", Code::access_or_null},
    {"the wrong side of the check", kFilter, LOOKUP_HASH "if r0 @ 0 goto end\nr1 = *(u8 *)(r0 + 0)\n" END,
     "!=", "==", Code::access_through_non_pointer},
    {"the check of another look-up", kFilter,
     LOOKUP_HASH "r8 = r0\n" LOOKUP_HASH "r9 = r0\nif @ == 0 goto end\nr1 = *(u8 *)(r9 + 0)\n" END, "r8", "r9",
     Code::access_or_null},
    {"the check of another look-up, through the stack", kFilter,
     LOOKUP_HASH "r8 = r0\n" LOOKUP_HASH "*(u64 *)(r10 - 16) = r0\nif @ == 0 goto end\nr9 = *(u64 *)(r10 - 16)\n"
                 "r1 = *(u8 *)(r9 + 0)\n" END,
     "r8", "r0", Code::access_or_null},
    {"a check of half the pointer", kFilter, LOOKUP_HASH "if @ == 0 goto end\nr1 = *(u8 *)(r0 + 0)\n" END, "w0", "r0",
     Code::access_or_null},

    // Stack
    {"one byte of a spilled pointer", kFilter,
     VALUE "*(u64 *)(r10 - 16) = r7\n*(u8 *)(r10 - @) = 1\nr9 = *(u64 *)(r10 - 16)\nr1 = *(u8 *)(r9 + 0)\n" END, "16",
     "17", Code::access_through_non_pointer},
    {"a spilled pointer below a variable offset", kFilter,
     VALUE "*(u64 *)(r10 - 16) = r7\nr6 &= 7\nr1 = r10\nr1 += @\nr1 += r6\n*(u8 *)(r1 + 0) = 1\n"
           "r9 = *(u64 *)(r10 - 16)\nr1 = *(u8 *)(r9 + 0)\n" END,
     "-16", "-24", Code::access_through_non_pointer},
    {"a spilled pointer that a helper writes", kProbe,
     VALUE "*(u64 *)(r10 - 16) = r7\nr1 = r10\nr1 += @\nr2 = 8\nr3 = 0\ncall 113\n"
           "r9 = *(u64 *)(r10 - 16)\nr1 = *(u8 *)(r9 + 0)\n" END,
     "-16", "-24", Code::access_through_non_pointer},
    {"a spilled pointer that a callee writes", kFilter,
     VALUE
     "*(u64 *)(r10 - 16) = r7\nr1 = r10\nr1 += @\ncall pc+0x4\nr9 = *(u64 *)(r10 - 16)\nr1 = *(u8 *)(r9 + 0)\n" END
     "*(u64 *)(r1 + 0) = 1\nr0 = 0\nexit\n",
     "-16", "-24", Code::access_through_non_pointer},
    {"a variable offset up to the frame pointer", kFilter,
     VALUE "r6 &= 15\nr1 = r10\nr1 += @\nr1 += r6\n*(u8 *)(r1 + 0) = 1\n" END, "-15", "-16", Code::stack_out_of_bounds},
    {"a variable offset below the frame", kFilter,
     VALUE "r6 &= 15\nr1 = r10\nr1 += @\nr1 += r6\n*(u8 *)(r1 + 0) = 1\n" END, "-513", "-512",
     Code::stack_out_of_bounds},
    {"below the frame", kFilter, "*(u64 *)(r10 - @) = 0\n" END, "520", "512", Code::stack_out_of_bounds},
    {"two frames too deep together", kFilter,
     "*(u64 *)(r10 - 256) = 0\ncall pc+0x2\nr0 = 0\nexit\n*(u64 *)(r10 - @) = 0\nr0 = 0\nexit\n", "264", "256",
     Code::stack_too_deep},
    {"a frame below a full one", kFilter, "*(u64 *)(r10 - 512) = 0\ncall pc+0x2\nr0 = 0\nexit\n@r0 = 0\nexit\n",
     "*(u64 *)(r10 - 8) = 0\n", "", Code::stack_too_deep},
    {"a spill below a full frame, around a call that clobbers", kFilter,
     "*(u64 *)(r10 - 512) = 0\ncall pc+0x2\nr0 = 0\nexit\n*(u64 *)(r10 - 8) = r1\ncall @\nr1 = *(u64 *)(r10 - 8)\n"
     "r0 = 0\nexit\n",
     "5", "8", Code::stack_too_deep, Asked::here},
    {"no bytes at the frame pointer", kFilter,
     VALUE "r1 = {ring} ll\nr2 = r10\nr2 += @\nr3 = 0\nr4 = 0\ncall 130\n" END, "0", "-1", Code::stack_out_of_bounds},
    {"a key in the lower half of eight spilled bytes", kFilter,
     "*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += @\nr1 = {array} ll\ncall 1\nr1 = *(u8 *)(r0 + 0)\nr0 = 0\nexit\n", "-8",
     "-4", Code::access_or_null},
    {"a constant key of one way only", kFilter,
     VALUE "r9 = @\nif r6 == 0 goto on\nr9 = 0\non:\n*(u32 *)(r10 - 8) = r9\nr2 = r10\nr2 += -8\nr1 = {array} ll\n"
           "call 1\nr1 = *(u8 *)(r0 + 0)\n" END,
     "1", "0", Code::access_or_null},
    {"what is learnt of the lower half of a spilled number", kFilter,
     VALUE "*(u64 *)(r10 - 8) = r6\nr1 = *(@ *)(r10 - 8)\nif r1 > 47 goto end\n" INDEX_BY("r6") END, "u32", "u64",
     Code::pointer_offset_unbounded},
    {"a key beyond the frame", kFilter,
     "*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += @\nr1 = {hash} ll\ncall 1\nr0 = 0\nexit\n", "-4", "-8",
     Code::stack_out_of_bounds},
    {"a sign out of the lower half, under an unknown upper one", kFilter,
     VALUE "if w6 > @ goto end\nw1 = (s16)w6\n" INDEX_BY("r1") END, "48", "47", Code::access_out_of_bounds},

    // What Linux takes no better than it does, although nothing can go wrong
    {"a constant too large for an offset, between two numbers", kFilter,
     VALUE "r1 = r6\nr1 += @\nif r1 > 40 goto end\n" INDEX_BY("r1") END, "-906586937", "-9",
     Code::pointer_offset_too_large},
    {"a constant too large for an offset, unlinked by a spill", kFilter,
     VALUE "r1 = r6\nr1 += -906586937\n@if r1 > 40 goto end\n" INDEX_BY("r1") END, "", "*(u64 *)(r10 - 8) = r1\n",
     Code::pointer_offset_too_large},
    {"nothing added to the packet's end", kXdp, PACKET "r1 = 0\n@ += r1\n" END, "r3", "r2",
     Code::pointer_arithmetic_prohibited},
    {"a way that cannot be, past bits that are clear", kFilter,
     VALUE "if r6 < 16 goto end\nif r6 & -8 goto end\nr1 = *(u8 *)(r7 + @)\n" END, "48", "47",
     Code::access_out_of_bounds},
    {"a pointer cut to 16 bits", kFilter, VALUE "r1 = @\nr1 = le16 r1\nif w1 > 40 goto end\n" INDEX_BY("r1") END, "r10",
     "r6", Code::pointer_offset_unbounded},

    // Packet
    {"the byte past the proven ones", kXdp, PACKET "r4 = r2\nr4 += 8\nif r4 > r3 goto end\nr0 = *(u8 *)(r2 + @)\n" END,
     "8", "7", Code::packet_out_of_bounds},
    {"the byte past the proven ones, the end excluded", kXdp,
     PACKET "r4 = r2\nr4 += 8\nif r4 >= r3 goto end\nr0 = *(u8 *)(r2 + @)\n" END, "9", "8", Code::packet_out_of_bounds},
    {"the end on the left", kXdp, PACKET "r4 = r2\nr4 += 8\nif r3 @ r4 goto end\nr0 = *(u8 *)(r2 + 8)\n" END, "<",
     "<=", Code::packet_out_of_bounds},
    {"the wrong side of the comparison", kXdp,
     PACKET "r4 = r2\nr4 += 8\nif r4 @ r3 goto end\nr0 = *(u8 *)(r2 + 0)\n" END, "<=", ">", Code::packet_out_of_bounds},
    {"a pointer from before the packet moved", kXdp,
     PACKET "r7 = r2\nr4 = r2\nr4 += 8\nif r4 > r3 goto end\nr1 = r6\nr2 = 0\ncall @\nr0 = *(u8 *)(r7 + 0)\n" END, "44",
     "5", Code::access_through_non_pointer},
    {"an offset that could wrap", kXdp,
     PACKET
     "r5 = *(u32 *)(r6 + 12)\nr5 &= @\nr2 += r5\nr4 = r2\nr4 += 8\nif r4 > r3 goto end\nr0 = *(u8 *)(r2 + 0)\n" END,
     "0x1ffff", "0x7fff", Code::packet_out_of_bounds},
    {"what is proven of one pointer, used of another", kXdp,
     PACKET "r5 = *(u32 *)(r6 + 12)\nr5 &= 127\nr7 = r2\nr7 += r5\nr4 = r7\nr4 += 8\nif r4 > r3 goto end\n"
            "r0 = *(u8 *)(@ + 7)\n" END,
     "r2", "r7", Code::packet_out_of_bounds},
    {"metadata compared with the packet's end", kXdp,
     "r2 = *(u32 *)(r1 + 8)\nr3 = *(u32 *)(r1 + @)\nr4 = r2\nr4 += 8\nif r4 > r3 goto end\nr0 = *(u8 *)(r2 + 0)\n" END,
     "4", "0", Code::packet_out_of_bounds},

    // Records and references
    {"a record's end", kFilter, RESERVE "if r0 == 0 goto end\n*(u64 *)(r0 + @) = 1\n" SUBMIT("r0") END, "8", "0",
     Code::access_out_of_bounds},
    {"a record that nobody submits", kFilter, RESERVE "if r0 == 0 goto end\nr1 = r0\nr2 = 0\ncall @\n" END, "5", "132",
     Code::reference_leak},
    {"more records than anything could point to", kFilter,
     "r7 = 0\nagain:\n" RESERVE "@r7 += 1\nif r7 != 700 goto again\n" END, "", "if r0 == 0 goto end\n" SUBMIT("r0"),
     Code::reference_leak},
    {"a record used after it was submitted", kFilter, RESERVE "if r0 == 0 goto end\nr7 = r0\n@" END,
     SUBMIT("r7") "*(u64 *)(r7 + 0) = 1\n", "*(u64 *)(r7 + 0) = 1\n" SUBMIT("r7"), Code::access_through_non_pointer},
    {"a record submitted twice", kFilter, RESERVE "if r0 == 0 goto end\nr7 = r0\n" SUBMIT("r7") "@" END, SUBMIT("r7"),
     "call 5\n", Code::argument_kind},
    {"arithmetic on a record that may be null (CVE-2022-23222)", kFilter, RESERVE "@\n" SUBMIT("r0") END,
     "r0 += 1\nif r0 == 0 goto end\nr0 -= 1", "if r0 == 0 goto end\nr0 += 1\nr0 -= 1",
     Code::pointer_arithmetic_or_null},
    {"a moved record", kFilter, RESERVE "if r0 == 0 goto end\nr0 += @\n" SUBMIT("r0") END, "1", "0",
     Code::argument_offset},
    {"a map value as a record", kFilter, VALUE RESERVE "if r0 == 0 goto end\nr9 = r0\n" SUBMIT("@") END, "r7", "r9",
     Code::argument_kind},
    {"a record that may be null", kFilter, RESERVE "if @ == 0 goto end\n" SUBMIT("r0") END, "r10", "r0",
     Code::argument_or_null},
    {"a size that may be negative", kFilter,
     VALUE "if r6 @ 48 goto end\nr1 = {ring} ll\nr2 = r7\nr3 = r6\nr4 = 0\ncall 130\n" END, "s>", ">",
     Code::argument_size_negative},
    {"a size one too large", kFilter,
     VALUE "if r6 > @ goto end\nr1 = {ring} ll\nr2 = r7\nr3 = r6\nr4 = 0\ncall 130\n" END, "49", "48",
     Code::access_out_of_bounds},
    {"a socket that nobody releases", kClassifier,
     "*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 0\nr2 = r10\nr2 += -16\nr3 = 12\nr4 = 0\nr5 = 0\ncall 84\n"
     "if r0 == 0 goto end\nr1 = r0\ncall @\n" END,
     "5", "86", Code::reference_leak},

    // Calls and callbacks
    {"one frame too many", kFilter,
     "call pc+0x1\nexit\ncall pc+0x1\nexit\ncall pc+0x1\nexit\ncall pc+0x1\nexit\ncall pc+0x1\nexit\ncall "
     "pc+0x1\nexit\n"
     "call pc+0x1\nexit\n@r0 = 0\nexit\n",
     "call pc+0x1\nexit\n", "", Code::call_too_deep},
    {"a callback's answer", kXdp, "r1 = 4\nr2 = {fn+6} ll\nr3 = 0\nr4 = 0\ncall 181\nr0 = 0\nexit\nr0 = @\nexit\n", "2",
     "1", Code::callback_return_range},
    {"a callback that never ends", kXdp,
     "r1 = 4\nr2 = {fn+6} ll\nr3 = 0\nr4 = 0\ncall 181\nr0 = 0\nexit\nagain:\nif r1 == 7 goto @\non:\nr0 = 0\nexit\n",
     "again", "on", Code::endless_loop},
    {"a callback writes past what it was given", kXdp,
     "*(u64 *)(r10 - 8) = 0\nr1 = 4\nr2 = {fn+7} ll\nr3 = r10\nr3 += -8\nr4 = 0\ncall 181\nr0 = 0\nexit\n"
     "*(u64 *)(r2 + @) = 1\nr0 = 0\nexit\n",
     "8", "0", Code::stack_out_of_bounds},
    {"a callback changes what its caller knew", kXdp,
     VALUE "*(u64 *)(r10 - 16) = 0\nr1 = 4\nr2 = {fn+10} ll\nr3 = r10\nr3 += -16\nr4 = 0\ncall 181\n"
           "r9 = *(u64 *)(r10 - 16)\n" INDEX_BY("r9") END "*(u64 *)(r2 + 0) = @\nr0 = 0\nexit\n",
     "64", "32", Code::access_out_of_bounds},
    {"a call through a register on a way that nobody takes", kFilter,
     "r9 = 0\nif r9 == 0 goto on\n@\non:\nr0 = 0\nexit\n", "callx r9", "r9 = 1", Code::call_through_register},
    {"the last register that the call took away", kFilter, VALUE "r5 = r7\ncall 5\nr1 = *(u8 *)(@ + 0)\n" END, "r5",
     "r7", Code::register_uninitialized},
    {"a register that the call took away", kFilter, VALUE "r1 = r7\ncall 5\nr1 = *(u8 *)(@ + 0)\n" END, "r1", "r7",
     Code::register_uninitialized},

    // What may be written
    {"a field of the context that is not to be written", kFilter, "*(u32 *)(r1 + @) = r10\n" END, "0", "48",
     Code::context_access},
    {"the context moved", kFilter, "r1 += @\nr0 = *(u32 *)(r1 + 0)\nexit\n", "4", "0", Code::context_pointer_moved},
    {"an acquiring load that is not aligned", kFilter, VALUE "r1 = load_acquire((u64 *)(r7 + @))\n" END, "4", "8",
     Code::access_misaligned},
    {"a releasing store that is not aligned", kFilter, VALUE "store_release((u64 *)(r7 + @), r6)\n" END, "4", "8",
     Code::access_misaligned},
    {"a map that programs only read", kFilter,
     "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = {constants} ll\ncall 1\nif r0 == 0 goto end\n@\n" END,
     "*(u64 *)(r0 + 0) = 1", "r1 = *(u64 *)(r0 + 0)", Code::write_read_only_map},

    // Users without privileges: pointers must not leak, not even by misprediction
    {"a pointer that an atomic fetches", kFilter,
     VALUE "*(u64 *)(r10 - 16) = @\nr9 = -1\nr9 = atomic_fetch_and((u64 *)(r10 - 16), r9)\n" END, "r7", "r6",
     Code::stack_pointer_leak, Asked::unprivileged},
    {"a loop", kFilter, "r9 = 0\nagain:\nr9 += 1\nif r9 < 4 goto @\non:\nr0 = 0\nexit\n", "again", "on",
     Code::loop_unprivileged, Asked::unprivileged},
    {"a helper that takes CAP_BPF", kFilter, "call @\nr0 = 0\nexit\n", "118", "5", Code::helper_unprivileged,
     Asked::unprivileged},
    {"a way that only a misprediction takes", kFilter, "r9 = 1\nif r9 == 1 goto end\n@\n" END, "r1 = *(u8 *)(r9 + 0)",
     "r1 = r9", Code::access_through_non_pointer, Asked::unprivileged},
    {"a value's end, unmasked", kFilter, VALUE "r7 += @\n" END, "48", "47", Code::access_out_of_bounds,
     Asked::unprivileged},
    {"the frame's end, unmasked", kFilter, "r1 = r10\nr1 += @\nr0 = 0\nexit\n", "0", "-8", Code::stack_out_of_bounds,
     Asked::unprivileged},
    {"a mask for either sign", kFilter, VALUE "r7 += 8\nif r6 s> 8 goto end\nif r6 s< @ goto end\n" INDEX_BY("r6") END,
     "-8", "0", Code::speculation_bounds, Asked::unprivileged},
    {"a mask for the context", kFilter, "r2 = 0\nr1 += @\nr0 = 0\nexit\n", "r2", "0", Code::speculation_kind,
     Asked::unprivileged},
    {"a mask past the value", kFilter, VALUE "r6 &= 15\nr7 += 1\nr7 @ r6\n" END,
     "-=", "+=", Code::access_index_negative, Asked::unprivileged},
    {"a mask for either number", kFilter, VALUE "r9 = 1\nif r6 == 0 goto join\nr9 = @\njoin:\n" INDEX_BY("r9") END, "2",
     "1", Code::speculation_paths, Asked::unprivileged},
    {"a mask for a number or a pointer", kFilter,
     VALUE "r9 = r6\nif r8 == 0 goto join\nr9 = @\njoin:\nr1 = 1\nr9 += r1\n" END, "r7", "r8", Code::speculation_paths,
     Asked::unprivileged},
    {"a tail call through either map", kFilter,
     "r6 = r1\nr7 = *(u32 *)(r1 + 0)\nr2 = {calls} ll\nif r7 == 0 goto join\nr2 = {@} ll\njoin:\nr1 = r6\nr3 = 0\n"
     "call 12\nr0 = 0\nexit\n",
     "others", "calls", Code::speculation_tail_call, Asked::unprivileged},
};

struct NamedMap {
  std::string_view name;
  MapSpec spec;
};

const std::vector<NamedMap>& named_maps() {
  static const std::vector<NamedMap> maps{
      {"array", {.name = "array", .type = MapType::array, .key_size = 4, .value_size = 48, .max_entries = 1}},
      {"hash", {.name = "hash", .type = MapType::hash, .key_size = 8, .value_size = 8, .max_entries = 1}},
      {"ring", {.name = "ring", .type = MapType::ringbuf, .max_entries = 4096}},
      {"constants",
       {.name = "constants",
        .type = MapType::array,
        .key_size = 4,
        .value_size = 8,
        .max_entries = 1,
        .flags = map_flag::rdonly_prog}},
      {"calls", {.name = "calls", .type = MapType::prog_array, .key_size = 4, .value_size = 4, .max_entries = 2}},
      {"others", {.name = "others", .type = MapType::prog_array, .key_size = 4, .value_size = 4, .max_entries = 2}},
  };
  return maps;
}

// Stand for maps and functions while the text is assembled.
constexpr std::int32_t kMapMark = 0x6d617000, kFunctionMark = 0x66750000, kMarks = 256;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::vector<Insn> program_of(const Pair& pair, std::string_view difference) {
  std::string text = pair.shared;
  replace_all(text, "@", difference);
  for (std::size_t i = 0; i < named_maps().size(); ++i)
    replace_all(text, "{" + std::string(named_maps()[i].name) + "}",
                std::to_string(kMapMark + static_cast<std::int32_t>(i)));
  for (std::int32_t i = 0; i < 16; ++i)
    replace_all(text, "{fn+" + std::to_string(i) + "}", std::to_string(kFunctionMark + i));
  auto insns = isa::assemble(text);
  if (!insns) FAIL(pair.name << ": " << insns.error().message() << '\n' << text);
  for (Insn& insn : *insns) {
    constexpr std::uint8_t kWide = 0x18;
    for (const auto& [mark, src] : {std::pair{kMapMark, 1}, std::pair{kFunctionMark, 4}}) {
      if (insn.opcode != kWide || insn.src != 0 || insn.imm < mark || insn.imm >= mark + kMarks) continue;
      insn.imm -= mark;
      insn.src = static_cast<std::uint8_t>(src) & 15;
    }
  }
  return *insns;
}

/// `often`: states are kept and compared wherever paths meet, which is where a forgotten precision mark shows.
Report judged(const Pair& pair, std::string_view difference, bool often) {
  program::Program program;
  program.type = pair.type;
  program.license = "GPL";
  program.insns = program_of(pair, difference);
  std::vector<MapInfo> maps;
  for (const NamedMap& map : named_maps()) maps.push_back({&map.spec, {}});
  Input input;
  input.program = &program;
  input.maps = maps;
  input.options.check_often = often;
  if (pair.asked == Asked::unprivileged) input.options.privileges = {false, false, false};
  return verify(input);
}

TEST_CASE("programs after published holes are refused for the hole, and their harmless twins accepted") {
  static_assert(std::size(kPairs) >= 40);
  for (const Pair& pair : kPairs) {
    for (const bool often : {false, true}) {
      const Report hostile = judged(pair, pair.hostile, often);
      const Report harmless = judged(pair, pair.harmless, often);
      const std::string_view code = hostile.accepted() ? "accepted" : name_of(hostile.findings.front().code);
      CHECK_MESSAGE(code == name_of(pair.code), std::string(pair.name));
      const std::string why = harmless.accepted() ? "" : text_of(harmless.findings.front()) + harmless.malformed;
      CHECK_MESSAGE(harmless.accepted(), std::string(pair.name) << ": " << why);
    }
  }
}

TEST_CASE("the running kernel refuses the same ones and accepts their twins") {
  if (const auto reason = kernel::unavailable()) {
    MESSAGE("SKIP: " << *reason);
    return;
  }
  std::vector<kernel::KernelMap> maps;
  for (const NamedMap& map : named_maps()) maps.emplace_back(map.spec);
  for (const kernel::KernelMap& map : maps) REQUIRE(map.error() == 0);
  const auto loads = [&](const Pair& pair, std::string_view difference) {
    std::vector<Insn> insns = program_of(pair, difference);
    for (Insn& insn : insns)
      if (insn.opcode == 0x18 && insn.src == 1) insn.imm = maps[static_cast<std::size_t>(insn.imm)].fd();
    return kernel::load(pair.type, insns).ok();
  };
  for (const Pair& pair : kPairs) {
    if (std::string_view(pair.shared).find("{fn+") != std::string_view::npos) continue;  // it wants BTF for callbacks
    if (pair.asked != Asked::kernel_too) continue;
    CHECK_MESSAGE(!loads(pair, pair.hostile), std::string(pair.name));
    CHECK_MESSAGE(loads(pair, pair.harmless), std::string(pair.name));
  }
}

}  // namespace
}  // namespace skep::verifier
