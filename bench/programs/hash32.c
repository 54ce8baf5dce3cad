// A 32-bit hash of 384 bytes with rotations, in the manner of Jenkins' lookup3.
#include "program.h"

#define ROTATE(x, k) ((x) << (k) | (x) >> (32 - (k)))

PROGRAM(hash32) {
  REQUIRE_INPUT();
  __u32 a = 0xdeadbeef + 384, b = a, c = a;
#pragma unroll 1
  for (int i = 0; i < 96; i += 3) {
    a += INPUT_32(i);
    b += INPUT_32(i + 1);
    c += INPUT_32(i + 2);
    a = (a - c) ^ ROTATE(c, 4);
    c += b;
    b = (b - a) ^ ROTATE(a, 6);
    a += c;
    c = (c - b) ^ ROTATE(b, 8);
    b += a;
    a = (a - c) ^ ROTATE(c, 16);
    c += b;
    b = (b - a) ^ ROTATE(a, 19);
    a += c;
    c = (c - b) ^ ROTATE(b, 4);
    b += a;
  }
  return a ^ b ^ c;
}
