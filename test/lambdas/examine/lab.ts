/** The lab by the name that the archive's tests know it by; benchmarks use it too, and may not import tests. */
export { type Lab, openLab, type Server, until } from '../../../bench/lab.ts'
