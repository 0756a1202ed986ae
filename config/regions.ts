const REGION = /^(af|ap|ca|eu|il|me|mx|sa|us|cn|us-gov)-(north|south|east|west|central)+-\d$/

/** Whether a text has the form of an AWS region's code. */
export const isRegion = (text: string): boolean => REGION.test(text)

/** The AWS partition that a region belongs to, e.g. `aws` or `aws-cn`. */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}
